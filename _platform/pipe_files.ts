/** What the adapters share to tell apart what pipes are made of. */

import { builtin } from "./host.ts";
import type { HostFile, PipeFile } from "./pipes.ts";

/** A descriptor, a path, or an open file of the runtime's. */
export type Named =
  | { readonly fd: number }
  | { readonly path: string }
  | { readonly file: HostFile };

/** Tells what something is that a pipe is to be made of. */
export function named(what: PipeFile, method: "read" | "write"): Named {
  if (typeof what === "number") return { fd: checkFd(what) };
  if (typeof what === "string") return { path: what };
  if (what instanceof URL) {
    const { fileURLToPath } = builtin<
      { fileURLToPath(url: URL): string }
    >("node:url")!;
    return { path: fileURLToPath(what) };
  }
  const fd: unknown = (what as { fd?: unknown } | null)?.fd;
  if (typeof fd === "number") return { fd: checkFd(fd) };
  if (typeof (what as HostFile | null)?.[method] === "function") {
    return { file: what as HostFile };
  }
  throw new TypeError(
    `Cannot ${method} it as a pipe: a file descriptor, a path, a stream or an ` +
      `open file is needed, got ${what === null ? "null" : typeof what}`,
  );
}

function checkFd(fd: number): number {
  if (Number.isInteger(fd) && fd >= 0) return fd;
  throw new RangeError(`Cannot use ${fd}: it is no file descriptor`);
}

/** What a pipe is called in errors. */
export function nameOf(what: Named): string {
  if ("path" in what) return what.path;
  if ("file" in what) return "the file";
  return ["the standard input", "the standard output", "the standard error"][
    what.fd
  ] ?? `the file descriptor ${what.fd}`;
}
