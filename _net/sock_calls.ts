/** The loop's calls that use a socket by hand. */

import type { SocketAddress } from "../_platform/sockets.ts";
import type { BaseSelectorEventLoop } from "../selector_events.ts";
import type { Coro } from "../coroutines.ts";
import { ensureResolved } from "./names.ts";
import { Socket } from "./socket.ts";
import type { DatagramBox } from "./socket_box.ts";
import { checkSocket } from "./socket_watch.ts";
import { opened } from "./taking.ts";

/** What a runtime has taken is sent, even if whoever sends is cancelled meanwhile. */
const PIECE = 256 * 1024;

function checkCount(count: unknown): void {
  if (Number.isSafeInteger(count) && (count as number) >= 0) return;
  throw new RangeError(
    `Cannot receive so many bytes: a count of 0 or more is needed, got ${count}`,
  );
}

function checkBytes(data: unknown): asserts data is Uint8Array {
  if (data instanceof Uint8Array) return;
  throw new TypeError(
    `a Uint8Array is needed, got ${data === null ? "null" : typeof data}`,
  );
}

export function* sockRecv(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  count: number,
): Coro<Uint8Array> {
  checkSocket(sock);
  checkCount(count);
  if (sock.type === "dgram") {
    return (yield* sockRecvFrom(loop, sock, count))[0];
  }
  for (;;) {
    const data = sock._streamBox("receive").recv(count);
    if (data !== null) return data;
    yield* loop._watch(sock).wait();
  }
}

export function* sockRecvInto(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  buffer: Uint8Array,
): Coro<number> {
  checkSocket(sock);
  checkBytes(buffer);
  if (sock.type === "dgram") {
    return (yield* sockRecvFromInto(loop, sock, buffer, 0))[0];
  }
  for (;;) {
    const count = sock._streamBox("receive").recvInto(buffer);
    if (count >= 0) return count;
    yield* loop._watch(sock).wait();
  }
}

export function* sockRecvFrom(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  size: number,
): Coro<[Uint8Array, SocketAddress]> {
  checkSocket(sock);
  checkCount(size);
  for (;;) {
    const message = sock._datagramBox("receive").recvFrom();
    if (message !== null) {
      const { data, from } = message;
      return [data.length > size ? data.subarray(0, size) : data, from];
    }
    yield* loop._watch(sock).wait();
  }
}

export function* sockRecvFromInto(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  buffer: Uint8Array,
  count: number,
): Coro<[number, SocketAddress]> {
  checkSocket(sock);
  checkBytes(buffer);
  checkCount(count);
  if (count > buffer.length) {
    throw new RangeError(
      `Cannot receive ${count} bytes: the buffer has ${buffer.length}`,
    );
  }
  const size = count === 0 ? buffer.length : count;
  const [data, from] = yield* sockRecvFrom(loop, sock, size);
  buffer.set(data);
  return [data.length, from];
}

export function* sockSendAll(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  data: Uint8Array,
): Coro<void> {
  checkSocket(sock);
  checkBytes(data);
  if (sock.type === "dgram") {
    yield* sendDatagram(loop, sock, data);
    return;
  }
  const box = sock._streamBox("send");
  let at = 0;
  while (at < data.length) {
    const end = at + PIECE;
    const whole = at === 0 && end >= data.length;
    const count = box.send(whole ? data : data.subarray(at, end));
    if (count > 0) at += count;
    else {
      yield* loop._watch(sock).wait();
      sock._check("Cannot send");
    }
  }
  // Until then a runtime may look at the bytes, which the caller may change.
  while (!box.writable) {
    yield* loop._watch(sock).wait();
    sock._check("Cannot send");
  }
  box.checkError();
}

export function* sockSendTo(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  data: Uint8Array,
  address: SocketAddress,
): Coro<number> {
  checkSocket(sock);
  checkBytes(data);
  if (sock.type === "stream") {
    yield* sockSendAll(loop, sock, data);
  } else {
    // Unbound, it gets an address when it first sends.
    yield* opened(loop, () => sock._openDatagram(loop._platform), () => {});
    yield* sendDatagram(loop, sock, data, address);
  }
  return data.length;
}

function* sendDatagram(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  data: Uint8Array,
  address?: SocketAddress,
): Coro<void> {
  if (address === undefined) sock.getPeerName();
  const box: DatagramBox = sock._datagramBox("send");
  box.checkError();
  while (!box.sendTo(data, address)) {
    yield* loop._watch(sock).wait();
    sock._check("Cannot send");
  }
  // The runtimes tell later what was wrong with it.
  while (box.busy) {
    yield* loop._watch(sock).wait();
    sock._check("Cannot send");
  }
  box.checkError();
}

export function* sockConnect(
  loop: BaseSelectorEventLoop,
  sock: Socket,
  address: SocketAddress,
): Coro<void> {
  checkSocket(sock);
  let target = address;
  if (typeof address !== "string" && sock.family !== "unix") {
    const { family, type } = sock;
    const [name, port] = address;
    const asked = { family, type };
    target = (yield* ensureResolved(loop, name, port, asked))[0]![4];
  }
  yield* opened(
    loop,
    (signal) => sock._connect(loop._platform, target, signal),
    () => {},
  );
}

export function* sockAccept(
  loop: BaseSelectorEventLoop,
  sock: Socket,
): Coro<[Socket, SocketAddress]> {
  checkSocket(sock);
  for (;;) {
    const stream = sock._acceptBox().accept();
    if (stream !== null) {
      return [Socket._ofStream(sock._inherit(stream)), stream.remote];
    }
    yield* loop._watch(sock).wait();
  }
}
