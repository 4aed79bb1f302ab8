/** Sockets, as the loop's socket calls take and give them. */

import { platform as host } from "../_platform/mod.ts";
import type { SocketAddress, StreamSocket } from "../_platform/sockets.ts";
import { StreamBox } from "./socket_box.ts";
import { type HostSocket, SocketCore } from "./socket_core.ts";
import { BlockingIOError } from "../exceptions.ts";

/**
 * A socket: made unconnected, then bound, connected or made to listen, or given by
 * `loop.sockAccept`. The loop's `sock…` calls use it, and a transport or a server can
 * be made of it, which own it from then on.
 *
 * It never blocks: where CPython's non-blocking socket raises BlockingIOError, this
 * one throws it. The runtimes give no file descriptors, so that a socket stands for
 * itself where asyncio takes one, `addReader` among them. What is received waits in a
 * bounded buffer until it is asked for.
 *
 * @example Asking for an echo by hand
 * ```ts
 * import { run, SelectorEventLoop, Socket, getRunningLoop } from "@x/asyncio";
 *
 * await run(async () => {
 *   const loop = getRunningLoop() as SelectorEventLoop;
 *   using listener = new Socket("inet");
 *   await listener.bind(["127.0.0.1", 0]);
 *   await listener.listen();
 *   using client = new Socket("inet");
 *   await loop.sockConnect(client, listener.getSockName());
 *   const [peer] = await loop.sockAccept(listener);
 *   await loop.sockSendAll(client, new TextEncoder().encode("hello"));
 *   console.log(new TextDecoder().decode(await loop.sockRecv(peer, 100)));
 *   peer.close();
 * }, { loopFactory: () => new SelectorEventLoop() });
 * ```
 */
export class Socket extends SocketCore {
  /**
   * Makes a socket of a connected stream's file descriptor, which a service manager
   * may have passed on; the socket owns it then.
   *
   * @param fd The descriptor.
   * @returns The socket.
   * @throws {OSError} When it is no such descriptor.
   * @throws {NotImplementedError} When the runtime cannot.
   */
  static async fromFd(fd: number): Promise<Socket> {
    return Socket._ofStream(await host.sockets.adopt(fd));
  }

  /**
   * Makes a socket of a connected stream.
   *
   * @internal
   */
  static _ofStream(stream: StreamSocket): Socket {
    const socket = new Socket(stream.family, "stream");
    socket._hold(stream, new StreamBox(stream), null);
    return socket;
  }

  /**
   * Makes a socket that shows what somebody else reads.
   *
   * @internal
   */
  static _view(of: HostSocket, owner: object): Socket {
    const socket = new Socket(of.family, "send" in of ? "dgram" : "stream");
    socket._hold(of, null, owner);
    return socket;
  }

  // Reading and writing

  /**
   * Receives what there is, up to so many bytes.
   *
   * @param count How many.
   * @returns The bytes; none at the end of the stream.
   * @throws {BlockingIOError} When nothing is there yet.
   */
  recv(count: number): Uint8Array {
    return this.type === "dgram"
      ? this.recvFrom(count)[0]
      : ready(this._streamBox("receive").recv(count));
  }

  /**
   * Receives what there is, up to the size of a buffer.
   *
   * @param buffer Where to.
   * @returns How many bytes; 0 at the end of the stream.
   * @throws {BlockingIOError} When nothing is there yet.
   */
  recvInto(buffer: Uint8Array): number {
    if (this.type === "dgram") return this.recvFromInto(buffer)[0];
    const count = this._streamBox("receive").recvInto(buffer);
    return ready(count < 0 ? null : count);
  }

  /**
   * Receives a datagram.
   *
   * @param count How many bytes; what is longer is cut.
   * @returns The datagram, and who sent it.
   * @throws {BlockingIOError} When none is there yet.
   */
  recvFrom(count: number): [data: Uint8Array, address: SocketAddress] {
    const { data, from } = ready(this._datagramBox("receive").recvFrom());
    return [data.length > count ? data.subarray(0, count) : data, from];
  }

  /**
   * Receives a datagram into a buffer.
   *
   * @param buffer Where to; what is longer is cut.
   * @returns How many bytes, and who sent them.
   * @throws {BlockingIOError} When none is there yet.
   */
  recvFromInto(buffer: Uint8Array): [count: number, address: SocketAddress] {
    const [data, from] = this.recvFrom(buffer.length);
    buffer.set(data);
    return [data.length, from];
  }

  /**
   * Sends what can be sent now.
   *
   * @param data The bytes.
   * @returns How many were sent.
   * @throws {BlockingIOError} When none can be sent yet.
   */
  send(data: Uint8Array): number {
    if (this.type === "dgram") return this.sendTo(data);
    // The program may change its bytes at once.
    const count = this._streamBox("send").send(data.slice());
    return ready(count < 0 ? null : count);
  }

  /**
   * Sends a datagram.
   *
   * @param data The bytes.
   * @param address Where to; where it is connected to unless given.
   * @returns How many bytes were sent.
   * @throws {BlockingIOError} When too many are on their way.
   */
  sendTo(data: Uint8Array, address?: SocketAddress): number {
    const box = this._datagramBox("send");
    if (address === undefined) this.getPeerName();
    box.checkError();
    return ready(box.sendTo(data, address) ? data.length : null);
  }

  /**
   * Accepts a connection.
   *
   * @returns The connection, and its peer's address.
   * @throws {BlockingIOError} When none is there yet.
   */
  accept(): [socket: Socket, address: SocketAddress] {
    const stream = ready(this._acceptBox().accept());
    return [Socket._ofStream(this._inherit(stream)), stream.remote];
  }
}

/** Refuses to wait. */
function ready<T>(value: T | null): T {
  if (value === null) {
    throw new BlockingIOError("Cannot go on: it would have to wait");
  }
  return value;
}
