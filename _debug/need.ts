/** What cannot be done where the debugging part was left out of a bundle. */

import { NotImplementedError } from "../exceptions.ts";
import { debug, type DebugHooks } from "./hooks.ts";

/**
 * The hooks, for what cannot be done without them.
 *
 * @param what What is being done, for the error.
 * @throws NotImplementedError Where they were left out.
 */
export function needHooks(what: string): DebugHooks {
  if (debug !== null) return debug;
  throw new NotImplementedError(
    `Cannot ${what}: this bundle was made without the debugging part; import ` +
      '"@x/asyncio/full" first',
  );
}
