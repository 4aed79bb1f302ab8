/**
 * Sockets: those that a program makes, and the view of a transport's.
 *
 * @example The address of a server
 * ```ts
 * import { run, startServer } from "@x/asyncio";
 *
 * export const main = () =>
 *   run(async () => {
 *     await using server = await startServer(() => {}, "127.0.0.1", 0);
 *     console.log(server.sockets[0]!.getSockName());
 *   });
 * ```
 *
 * @module
 */

import type { SocketAddress, SocketFamily } from "./_platform/sockets.ts";
import type { Socket } from "./_net/socket.ts";
import type { SocketType } from "./_net/socket_core.ts";
import type { SocketOption, SocketOptions } from "./_net/socket_options.ts";
import { NotImplementedError } from "./exceptions.ts";

export { Socket } from "./_net/socket.ts";
export type { SocketCore, SocketType } from "./_net/socket_core.ts";
export type { SocketOption, SocketOptions } from "./_net/socket_options.ts";
export type { SocketAddress, SocketFamily } from "./_platform/sockets.ts";

/**
 * A view of a socket that a transport or a server owns: it tells and sets what does
 * no harm. `transport.getExtraInfo("socket")` and `server.sockets` give it.
 */
export class TransportSocket {
  readonly #sock: Socket;

  /**
   * Makes a view.
   *
   * @param sock The socket.
   */
  constructor(sock: Socket) {
    this.#sock = sock;
  }

  /** Whether it is of IPv4, IPv6 or Unix. */
  get family(): SocketFamily {
    return this.#sock.family;
  }

  /** What it carries. */
  get type(): SocketType {
    return this.#sock.type;
  }

  /** The protocol; always 0, the one that belongs to family and type. */
  get proto(): number {
    return this.#sock.proto;
  }

  /** Shows it. */
  toString(): string {
    return `<asyncio.TransportSocket ${this.#sock._info()}>`;
  }

  /** Always -1: the runtimes do not tell the file descriptor. */
  fileno(): number {
    return this.#sock.fileno();
  }

  /**
   * Has no meaning here, as there are no file descriptors.
   *
   * @throws {NotImplementedError} Always.
   */
  dup(): Socket {
    throw new NotImplementedError(
      "Cannot duplicate a socket: the runtime does not offer it",
    );
  }

  /** Whether children inherit it; never, as the runtimes open it. */
  getInheritable(): boolean {
    return false;
  }

  /**
   * Ends the sending direction, or both. To stop receiving alone has no meaning to
   * the runtimes.
   *
   * @param how "write" or "both".
   * @throws {OSError} When it is not connected.
   */
  shutdown(how: "read" | "write" | "both"): void {
    this.#sock.shutdown(how);
  }

  /**
   * Tells an option, as it was set here; the level follows from its name.
   *
   * @param option Its name.
   * @returns Its value.
   * @throws {OSError} When the runtime does not offer it.
   */
  getSockOpt<K extends SocketOption>(option: K): SocketOptions[K] {
    return this.#sock.getSockOpt(option);
  }

  /**
   * Sets an option; the level follows from its name.
   *
   * @param option Its name.
   * @param value Its value.
   * @throws {OSError} When the runtime does not offer it, or it comes too late.
   */
  setSockOpt<K extends SocketOption>(option: K, value: SocketOptions[K]): void {
    this.#sock.setSockOpt(option, value);
  }

  /**
   * The address of the other side.
   *
   * @throws {OSError} When it is not connected.
   */
  getPeerName(): SocketAddress {
    return this.#sock.getPeerName();
  }

  /** The address of this side. */
  getSockName(): SocketAddress {
    return this.#sock.getSockName();
  }

  /** The same, by the name that asyncio has for it, too. */
  getsockbyname(): SocketAddress {
    return this.#sock.getSockName();
  }

  /**
   * Sets how long a call may block, where only 0 is allowed: it never does.
   *
   * @param value 0.
   * @throws {RangeError} For anything else.
   */
  setTimeout(value: number | null): void {
    if (value === 0) return;
    throw new RangeError(
      "setTimeout(): only 0 timeout is allowed on transport sockets",
    );
  }

  /** How long a call may block: 0. */
  getTimeout(): number {
    return 0;
  }

  /**
   * Chooses whether calls block, where only false is allowed: they never do.
   *
   * @param flag False.
   * @throws {RangeError} For true.
   */
  setBlocking(flag: boolean): void {
    if (!flag) return;
    throw new RangeError("setBlocking(): transport sockets cannot be blocking");
  }
}
