/** The loop's end of a port. */

import { openChannel, releasePort } from "../_platform/thread_facts.ts";
import type { LoopServices } from "../_kernel/loop_services.ts";
import { loadPortParts, type PortParts } from "./late.ts";
import type { PortCalls, Service } from "./port_calls.ts";
import {
  type Answer,
  CLOSE,
  type Hello,
  OVER,
  type Request,
  tellOver,
} from "./port_words.ts";

/**
 * Who serves which ports of this thread, found by the other end that was sent away: a
 * worker that is ended does not close its ports on every runtime.
 */
const servers = new WeakMap<MessagePort, PortServer>();

/** Whether the other end of a port is served by this thread. */
export function servedHere(port: MessagePort): boolean {
  return servers.has(port);
}

/** Tells who serves the other end of a port that it is gone. */
export function disconnectPort(port: MessagePort): void {
  servers.get(port)?.disconnect();
}

/** Serves one port. */
export class PortServer {
  /** The end to send away. */
  readonly remote: MessagePort;
  readonly #loop: LoopServices;
  readonly #service: (parts: PortParts) => Service;
  readonly #port: MessagePort;
  #calls: PortCalls | null = null;
  /** What comes while the code for it is being loaded: first the greeting. */
  readonly #early: Request[] = [];
  #closed = false;
  readonly #close = () => this.disconnect();

  constructor(loop: LoopServices, service: (parts: PortParts) => Service) {
    loop._checkClosed();
    const { port1, port2 } = openChannel();
    this.#loop = loop;
    this.#service = service;
    this.#port = port1;
    this.remote = port2;
    servers.set(port2, this);
    port1.onmessage = ({ data }) => this.#heard(data as Request);
    // Deno tells of this only where the other end is closed in so many words.
    port1.addEventListener("close", this.#close);
    releasePort(port1);
    loop._closers.add(this.#close);
  }

  /** The other end is gone: nothing more is to be done for it. */
  disconnect(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loop._closers.delete(this.#close);
    if (this.#calls !== null) this.#calls.end();
    else this.#endEarly();
    this.#port.close();
  }

  /** Tells the other end, which may have greeted or not yet. */
  #endEarly(): void {
    const [first] = this.#early;
    const cells = first === undefined ? null : (first[2] as Hello).cells;
    if (cells !== null) tellOver(cells);
    else this.#port.postMessage([0, OVER, null] satisfies Answer);
  }

  #heard(request: Request): void {
    if (this.#closed) return;
    if (this.#calls !== null) this.#take(request);
    else if (this.#early.push(request) === 1) void this.#load();
  }

  #take(request: Request): void {
    if (request[1] === CLOSE) this.disconnect();
    else this.#calls!.heard(request);
  }

  async #load(): Promise<void> {
    let parts: PortParts;
    try {
      parts = await loadPortParts();
    } catch (error) {
      this.disconnect();
      this.#loop.callExceptionHandler({
        message: "Cannot load what serves calls from other threads",
        exception: error,
      });
      return;
    }
    if (this.#closed) return;
    this.#calls = new parts.PortCalls(
      this.#loop,
      this.#service(parts),
      this.#port,
    );
    for (const request of this.#early.splice(0)) this.#take(request);
  }
}
