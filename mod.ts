/**
 * Python's asyncio for TypeScript: an event loop, tasks that can be cancelled,
 * timeouts, and runners with Ctrl-C handling, with CPython's semantics to the order
 * of callbacks, under native async/await.
 *
 * @example Hello
 * ```ts
 * import { gather, run, sleep } from "@x/asyncio";
 *
 * async function greet(name: string, delay: number) {
 *   await sleep(delay);
 *   return `hello ${name}`;
 * }
 *
 * await run(async () => {
 *   console.log(
 *     await gather([() => greet("ann", 0.02), () => greet("bob", 0.01)]),
 *   );
 * });
 * ```
 *
 * @module
 */

export * from "./base_events.ts";
export * from "./base_futures.ts";
export * from "./base_subprocess.ts";
export * from "./constants.ts";
export * from "./contextvars.ts";
export * from "./coroutines.ts";
export * from "./events.ts";
export * from "./exceptions.ts";
export * from "./format_helpers.ts";
export * from "./futures.ts";
export * from "./graph.ts";
export * from "./instruments.ts";
export * from "./locks.ts";
export * from "./log.ts";
export * from "./mixins.ts";
export * from "./pipes.ts";
export * from "./proactor_events.ts";
export * from "./protocols.ts";
export * from "./queues.ts";
export * from "./runners.ts";
export * from "./selector_events.ts";
export * from "./sslproto.ts";
export * from "./staggered.ts";
export * from "./streams.ts";
export * from "./subprocess.ts";
export * from "./taskgroups.ts";
export * from "./tasks.ts";
export * from "./threads.ts";
export * from "./timeouts.ts";
export * from "./transports.ts";
export * from "./trsock.ts";
export * from "./unix_events.ts";
export {
  IocpProactor,
  ProactorEventLoop,
  WindowsProactorEventLoopPolicy,
  WindowsSelectorEventLoopPolicy,
} from "./windows_events.ts";
// These take the place of what unix_events.ts and windows_events.ts both have; and
// of what has to know which loop there is, so that a bundle of it has that loop.
export {
  DefaultEventLoopPolicy,
  EventLoop,
  getEventLoopPolicy,
  newEventLoop,
  SelectorEventLoop,
} from "./_os/events.ts";
