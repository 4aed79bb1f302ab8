/** What a runtime's network errors are called here. */

import { OSError, PermissionError } from "../exceptions.ts";
import { builtin } from "./host.ts";

/** The parts of a runtime's error that tell something. */
interface ErrorLike {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
}

/** What the common codes mean; others show the runtime's text. */
const TEXTS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EADDRINUSE", "address already in use"],
  ["EADDRNOTAVAIL", "the address is not one of this machine's"],
  ["EAFNOSUPPORT", "address family not supported"],
  ["EAI_ADDRFAMILY", "the address is of another family"],
  ["EAI_AGAIN", "the name server does not answer"],
  ["EBADF", "bad file descriptor"],
  ["ECONNABORTED", "connection aborted"],
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset by peer"],
  ["EHOSTUNREACH", "no route to host"],
  ["EINVAL", "invalid argument"],
  ["EMFILE", "too many open files"],
  ["EMSGSIZE", "message too long"],
  ["ENAMETOOLONG", "name too long"],
  ["ENETUNREACH", "network is unreachable"],
  ["ENFILE", "too many open files in the system"],
  ["ENOENT", "no such file or directory"],
  ["ENOTCONN", "not connected"],
  ["ENOTDIR", "not a directory"],
  ["ENOTFOUND", "name not found"],
  ["ENOTSOCK", "not a socket"],
  ["EPERM", "operation not permitted"],
  ["EPIPE", "broken pipe"],
  ["ETIMEDOUT", "timed out"],
]);

/** Deno's classes whose errors have no code, and Node's codes of its own. */
const BY_NAME: ReadonlyMap<string, string> = new Map([
  ["BadResource", "EBADF"],
  ["ERR_INVALID_FD_TYPE", "ENOTSOCK"],
  ["ERR_SOCKET_BAD_PORT", "EINVAL"],
  ["Interrupted", "EINTR"],
  ["NotCapable", "EACCES"],
  ["NotConnected", "ENOTCONN"],
  ["PermissionDenied", "EACCES"],
]);

let numbers: Readonly<Record<string, number>> | undefined;

/** The system's number of a code. */
export function errnoOf(code: string): number | undefined {
  numbers ??= builtin<{ constants: { errno: Record<string, number> } }>(
    "node:os",
  )?.constants.errno ?? {};
  return numbers[code];
}

/** The system's name of what a runtime's error tells; empty where it is none. */
export function codeOf(error: unknown): string {
  const { code, name, message } = (error ?? {}) as ErrorLike;
  if (typeof code === "string" && /^E(AI_)?[A-Z0-9]+$/.test(code)) return code;
  const known = BY_NAME.get(String(code)) ?? BY_NAME.get(String(name));
  if (known !== undefined) return known;
  const text = String(message);
  // Neither runtime gives a code when a name to connect or listen to is unknown.
  if (text.startsWith("failed to lookup address")) return "ENOTFOUND";
  if (text.startsWith("Requires ")) return "EACCES";
  return "";
}

/**
 * Makes the library's error of a runtime's.
 *
 * @param action What was being done: "Cannot connect to 127.0.0.1:9".
 * @param cause What the runtime said.
 * @param code Overrules the code that the cause has.
 * @returns The error; the cause itself where it is the library's already.
 */
export function systemError(
  action: string,
  cause: unknown,
  code: string = codeOf(cause),
): Error {
  if (cause instanceof OSError) return cause;
  const { name, message } = (cause ?? {}) as ErrorLike;
  const said = String(message ?? cause);
  // Deno's own text names the flag that would allow it.
  const refused = name === "NotCapable" || said.startsWith("Requires ");
  const text = refused ? said : TEXTS.get(code) ?? said;
  return OSError.from(code, `${action}: ${text}`, {
    cause,
    errno: errnoOf(code),
  });
}

/** Makes an error that the library itself found. */
export function ownError(action: string, code: string, why?: string): Error {
  const text = why ?? TEXTS.get(code) ?? code;
  return OSError.from(code, `${action}: ${text}`, { errno: errnoOf(code) });
}

interface PermissionHost {
  readonly permissions?: {
    requestSync(d: { name: string; host?: string }): { state: string };
  };
}

function netState(
  permissions: NonNullable<PermissionHost["permissions"]>,
  host: string,
): string {
  try {
    return permissions.requestSync({ name: "net", host }).state;
  } catch {
    // Not a host at all, so that it needs the permission for every one.
    return permissions.requestSync({ name: "net" }).state;
  }
}

/**
 * Asks Deno for the network, for the modules that throw from a callback, where
 * nobody can catch it, when it was not granted.
 *
 * @param host The global object that may have Deno's permissions.
 * @param address What is to be used: "127.0.0.1:80".
 * @param action What is being done, for the error.
 * @throws {PermissionError} When it is not granted.
 */
export function askForNet(
  host: unknown,
  address: string,
  action: string,
): void {
  const permissions = (host as PermissionHost | undefined)?.permissions;
  if (permissions === undefined) return;
  if (netState(permissions, address) === "granted") return;
  throw new PermissionError(
    `${action}: Requires net access to "${address}", run again with ` +
      `--allow-net=${address}`,
    { errno: errnoOf("EACCES") },
  );
}
