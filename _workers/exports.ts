/** Looks exports up, in whichever thread. Nothing but the platform's load is needed. */

import { FileNotFoundError, PermissionError } from "../_kernel/os_errors.ts";

/** A module that was loaded. */
export type LoadedModule = Readonly<Record<string, unknown>>;

/** A function that was looked up. */
export type Found = (...args: unknown[]) => unknown;

/** What browsers say, whatever keeps a module from being fetched. */
const NOT_FETCHED = /dynamically imported module|Importing a module script/i;

async function isMissing(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { method: "HEAD" })).status === 404;
  } catch {
    return false;
  }
}

function noModule(error: unknown, url: string, path: string): Error {
  return new FileNotFoundError(
    `Cannot load ${url} in another thread: there is no such module`,
    { cause: error, filename: path },
  );
}

/** The error to raise where a module cannot be loaded; its own errors stay. */
export async function loadError(error: unknown, url: string): Promise<unknown> {
  if (!(error instanceof Object)) return error;
  const { message } = error as { message?: unknown };
  const text = String(message);
  if (/^Requires \w+ access/.test(text)) {
    return new PermissionError(
      `Cannot load ${url} in another thread: ${text}`,
      { cause: error },
    );
  }
  // Only where it is this one: a module may lack others.
  const path = decodeURIComponent(url.replace(/^file:\/\//, ""));
  // Not by the code: Deno's is the same for all that keeps a module from loading.
  const missing =
    /^(Module not found|Cannot find module|\[ERR_UNSUPPORTED_DIR_IMPORT\])/
      .test(text);
  const first = text.split(/\n|\s(?:imported )?from\s/, 1)[0]!;
  if (missing && (first.includes(url) || first.includes(path))) {
    return noModule(error, url, path);
  }
  const fetched = /^https?:/.test(url) && NOT_FETCHED.test(text);
  return fetched && await isMissing(url) ? noModule(error, url, url) : error;
}

/**
 * Finds a function among a module's exports.
 *
 * @throws ReferenceError Where there is no such export.
 * @throws TypeError Where it is no function.
 */
export function findExport(
  module: LoadedModule,
  url: string,
  name: string,
): Found {
  if (!Object.hasOwn(module, name)) {
    const names = Object.keys(module);
    throw new ReferenceError(
      `Cannot call ${name}(): ${url} has no export of this name, ` +
        (names.length === 0 ? "nor any other" : `but has ${names.join(", ")}`),
    );
  }
  const found = module[name];
  if (typeof found !== "function") {
    throw new TypeError(
      `Cannot call ${name}(): what ${url} exports under this name is no ` +
        `function but ${found === null ? "null" : typeof found}`,
    );
  }
  return found as Found;
}
