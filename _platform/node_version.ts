/** What an older Node lacks. */

import { NotImplementedError } from "../exceptions.ts";
import { host } from "./host.ts";

interface ProcessPart {
  readonly versions?: { readonly node?: string };
}

/** Node's major and minor version; null on other runtimes, which only claim one. */
function nodeVersion(): readonly [major: number, minor: number] | null {
  if (host.Deno !== undefined || host.Bun !== undefined) return null;
  const { versions } = (host.process ?? {}) as ProcessPart;
  const match = /^(\d+)\.(\d+)/.exec(versions?.node ?? "");
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

/**
 * Refuses to share a port where Node would ignore that it was asked to.
 *
 * @param action What is being done, for the error.
 * @throws {NotImplementedError} Before Node 22.12 and in Node 23.0.
 */
export function checkPortSharing(action: string): void {
  const version = nodeVersion();
  if (version === null) return;
  const [major, minor] = version;
  if (major > 23 || major === 23 && minor > 0) return;
  if (major === 22 && minor >= 12) return;
  throw new NotImplementedError(
    `${action}: Node ${major}.${minor} cannot share a port, 22.12 can`,
  );
}
