/**
 * What is to be known of threads before one is started, apart from what starts them:
 * that is loaded by the first.
 */

import { builtin } from "./host.ts";
import { platform } from "./mod.ts";

/** Takes a message that has come at a port nobody listens to, without waiting. */
export type Receive = (
  port: MessagePort,
) => { readonly message: unknown } | undefined;

/** How many threads can run at once. */
export function parallelism(): number {
  // Node 20 has no navigator.
  return globalThis.navigator?.hardwareConcurrency ??
    builtin<{ availableParallelism(): number }>("node:os")
      ?.availableParallelism() ??
    1;
}

/**
 * Whether terminating a worker stops code that never returns to the host. Deno 2.9
 * forgets such a worker, whose thread goes on until it returns.
 */
export const stopsRunningCode: boolean = platform.runtime !== "deno";

/** Whether this thread may wait for another one: that of a page may not. */
export function mayBlock(): boolean {
  return platform.runtime !== "web" || !platform.os.isMainThread;
}

/** Null where messages are given only to code that listens: in browsers. */
export function receiver(): Receive | null {
  if (platform.runtime === "web") return null;
  const threads = builtin<{ receiveMessageOnPort: Receive }>(
    "node:worker_threads",
  );
  return threads!.receiveMessageOnPort;
}

/** A channel whose ends can be released, and end with each other. */
export function openChannel(): MessageChannel {
  // On Deno its ports can do that once this module has been loaded.
  builtin("node:worker_threads");
  return new MessageChannel();
}

/** Has a port that is listened to not keep the process alive. */
export function releasePort(port: MessagePort): void {
  // The ports of all runtimes but browsers have what Node's have.
  (port as MessagePort & { unref?(): void }).unref?.();
}
