/**
 * The loop of browsers and edge runtimes, which has no sockets and no processes. In
 * bundles for them it stands for events.ts, by the package's `browser` map.
 */

import {
  type AbstractEventLoop,
  BaseDefaultEventLoopPolicy,
  registerDefaultLoop,
} from "../events.ts";
import { LoopServices } from "../_kernel/loop_services.ts";
import { lacking } from "../_platform/web.ts";

/** What else there is. */
const CONNECTIONS = "use fetch() or WebSocket";
const STREAMS = "read and write Web Streams";
const ELSEWHERE = "do it on Deno, Bun or Node";

/** What the loop does not have, and what to do about it. */
const MISSING: Partial<Record<keyof AbstractEventLoop, string>> = {
  getAddrInfo: CONNECTIONS,
  getNameInfo: ELSEWHERE,
  createConnection: CONNECTIONS,
  createServer: ELSEWHERE,
  connectAcceptedSocket: ELSEWHERE,
  createDatagramEndpoint: CONNECTIONS,
  createUnixConnection: CONNECTIONS,
  createUnixServer: ELSEWHERE,
  startTls: CONNECTIONS,
  sendFile: CONNECTIONS,
  addReader: CONNECTIONS,
  removeReader: CONNECTIONS,
  addWriter: CONNECTIONS,
  removeWriter: CONNECTIONS,
  sockRecv: CONNECTIONS,
  sockRecvInto: CONNECTIONS,
  sockRecvFrom: CONNECTIONS,
  sockRecvFromInto: CONNECTIONS,
  sockSendAll: CONNECTIONS,
  sockSendTo: CONNECTIONS,
  sockConnect: CONNECTIONS,
  sockAccept: ELSEWHERE,
  sockSendFile: CONNECTIONS,
  connectReadPipe: STREAMS,
  connectWritePipe: STREAMS,
  subprocessShell: ELSEWHERE,
  subprocessExec: ELSEWHERE,
  addSignalHandler: "listen to an event of the page",
  removeSignalHandler: "listen to an event of the page",
};

/** A loop with tasks, futures and timers. */
export class WebEventLoop extends LoopServices {
  static {
    for (const [method, remedy] of Object.entries(MISSING)) {
      Object.defineProperty(this.prototype, method, {
        value() {
          throw lacking(`call ${method}()`, remedy);
        },
        writable: true,
        configurable: true,
      });
    }
  }
}

/** The loop of this platform. */
export const SelectorEventLoop: typeof WebEventLoop = WebEventLoop;
/** The loop of this platform. */
export type SelectorEventLoop = WebEventLoop;

/** The loop of this platform, which `newEventLoop` makes. */
export const EventLoop: typeof WebEventLoop = WebEventLoop;
/** The loop of this platform, which `newEventLoop` makes. */
export type EventLoop = WebEventLoop;

/** The policy of this platform, in use unless another is set. */
export const DefaultEventLoopPolicy: typeof BaseDefaultEventLoopPolicy =
  BaseDefaultEventLoopPolicy;
/** The policy of this platform, in use unless another is set. */
export type DefaultEventLoopPolicy = BaseDefaultEventLoopPolicy;

export { getEventLoopPolicy, newEventLoop } from "../events.ts";

registerDefaultLoop(() => new WebEventLoop());
