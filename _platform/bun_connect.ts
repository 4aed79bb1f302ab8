/**
 * Connecting on Bun. Its own connect cannot be given up: a peer that does not answer
 * would hold the descriptor, and the process, for minutes. node:net can close what is
 * being connected, and the socket below it, which is the same, is taken from there.
 */

import { type BunSocket, BunStream } from "./bun_stream.ts";
import { builtin } from "./host.ts";
import type { StreamSocket } from "./sockets.ts";

/** Bun's socket, as node:net holds it while it connects. */
interface Handle extends BunSocket {
  reload?(options: { readonly socket: object }): void;
}

interface NodeSocket {
  _handle: Handle | null;
  on(event: "connect", fn: () => void): void;
  on(event: "error", fn: (error: unknown) => void): void;
  destroy(): void;
}

interface NetModule {
  connect(options: object): NodeSocket;
}

/**
 * Connects over TCP.
 *
 * @param options Where to: what node:net and Bun call the same.
 * @param handlers The handlers of the socket.
 * @param signal Gives it up.
 * @returns The stream; null where this Bun lets its sockets not be taken.
 */
export function connectByNode(
  options: object,
  handlers: object,
  signal?: AbortSignal,
): Promise<StreamSocket> | null {
  signal?.throwIfAborted();
  const socket = builtin<NetModule>("node:net")!.connect({
    ...options,
    allowHalfOpen: true,
  });
  if (typeof socket._handle?.reload !== "function") {
    socket.on("error", () => {});
    socket.destroy();
    return null;
  }
  return new Promise<StreamSocket>((resolve, reject) => {
    const giveUp = () => {
      socket.destroy();
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", giveUp);
    const settled = () => signal?.removeEventListener("abort", giveUp);
    socket.on("error", (error) => {
      settled();
      reject(error);
    });
    socket.on("connect", () => {
      settled();
      const handle = socket._handle!;
      handle.pause();
      const stream = new BunStream(handle, "", "");
      handle.reload!({ socket: handlers });
      // Or it would be closed when nobody has the rest any more.
      socket._handle = null;
      resolve(stream);
    });
  });
}
