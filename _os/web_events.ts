/**
 * The loop of browsers and edge runtimes, which has no sockets and no processes. In
 * bundles for them it stands for events.ts, by the package's `browser` map.
 */

import {
  AbstractEventLoop,
  BaseDefaultEventLoopPolicy,
  registerDefaultLoop,
} from "../events.ts";
import { LoopServices } from "../_kernel/loop_services.ts";
import { lacking } from "../_platform/web.ts";

/** What else there is, by what a method has in its name; the first that fits. */
const REMEDIES: readonly (readonly [name: RegExp, remedy: string])[] = [
  [/Pipe$/, "read and write Web Streams"],
  [/Signal/, "listen to an event of the page"],
  [/Server|ccept|NameInfo|process/, "do it on Deno, Bun or Node"],
  [/^/, "use fetch() or WebSocket"],
];

/** A loop with tasks, futures and timers. */
export class WebEventLoop extends LoopServices {
  static {
    const abstract = AbstractEventLoop.prototype;
    for (const method of Object.getOwnPropertyNames(abstract)) {
      const name = method as keyof AbstractEventLoop;
      // What LoopServices has is there, and what begins so is not for programs.
      if (method[0] === "_" || this.prototype[name] !== abstract[name]) {
        continue;
      }
      Object.defineProperty(this.prototype, method, {
        value() {
          const [, remedy] = REMEDIES.find(([part]) => part.test(method))!;
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
