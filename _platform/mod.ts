/** Chooses the adapter of the runtime in use. */

import { NotImplementedError } from "../exceptions.ts";
import { bunPlatform } from "./bun.ts";
import { denoPlatform } from "./deno.ts";
import { host } from "./host.ts";
import { nodePlatform } from "./node.ts";
import type { Platform } from "./types.ts";

/** Bundlers for browsers bring a `process` without a system. */
function isNode(): boolean {
  const { versions } = (host.process ?? {}) as {
    versions?: { readonly node?: string };
  };
  return versions?.node !== undefined;
}

function pick(): Platform {
  // Bun first: it can be asked to define a Deno global for compatibility.
  if (host.Bun !== undefined) return bunPlatform();
  if (host.Deno !== undefined) return denoPlatform();
  if (isNode()) return nodePlatform();
  throw new NotImplementedError(
    "Cannot load @x/asyncio: this runtime has no adapter; Deno, Bun and Node " +
      "have",
  );
}

/** The platform of this thread. */
export const platform: Platform = pick();
