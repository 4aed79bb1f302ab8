/** Addresses: how they are written, told apart and checked. */

import type { SocketAddress, SocketFamily } from "./sockets.ts";
import { ownError } from "./socket_errors.ts";

/** The longest path of a Unix socket: sun_path without its closing zero. */
const UNIX_PATH_MAX = 107;

const encoder = new TextEncoder();

/** "host:port", an IPv6 host in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address in an error's text. */
export function showAddress(address: SocketAddress): string {
  if (typeof address !== "string") return hostPort(address[0], address[1]);
  return showPath(address);
}

/** A path in an error's text; an abstract name with the customary @. */
export function showPath(path: string): string {
  return path.startsWith("\0") ? `@${path.slice(1)}` : path;
}

/** The address of a numeric host. */
export function ipAddress(host: string, port: number): SocketAddress {
  if (!host.includes(":")) return [host, port];
  const scope = host.indexOf("%");
  const id = scope < 0 ? 0 : Number(host.slice(scope + 1));
  return [host, port, 0, Number.isInteger(id) ? id : 0];
}

/** Which family an address is of. */
export function familyOf(address: SocketAddress): SocketFamily {
  if (typeof address === "string") return "unix";
  return address.length === 4 ? "inet6" : "inet";
}

/** Refuses what is no port, which the runtimes do in different ways. */
export function checkPort(port: number, action: string): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return;
  throw new RangeError(
    `${action}: a port is from 0 to 65535: received ${port}`,
  );
}

/**
 * Refuses what the kernel's address cannot hold: node:net would cut it and use
 * another path.
 */
export function checkPath(path: string, action: string): void {
  const size = encoder.encode(path).length;
  if (size === 0) throw ownError(action, "EINVAL", "the path is empty");
  if (size > UNIX_PATH_MAX) {
    throw ownError(
      action,
      "ENAMETOOLONG",
      `the path has ${size} bytes, a Unix socket's at most ${UNIX_PATH_MAX}`,
    );
  }
  if (path.includes("\0", 1)) {
    throw ownError(action, "EINVAL", "the path has a zero byte in it");
  }
}
