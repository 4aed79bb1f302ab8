/** The clock capability over timers that every runtime has. */

import { host } from "./host.ts";
import type { Clock } from "./types.ts";

/** The longest delay that setTimeout takes; more fires at once everywhere. */
export const MAX_DELAY_MS = 0x7fffffff;

/** Clock over performance.now, setTimeout and setImmediate. */
export function hostClock(resolution: number): Clock {
  // Taken once: a test that installs fake timers later must not stop the loop.
  const { setTimeout, clearTimeout, setInterval, clearInterval, performance } =
    globalThis;
  const { setImmediate } = host;
  return {
    resolution,
    now: () => performance.now() / 1000,
    immediate: setImmediate
      ? (fn) => void setImmediate(fn)
      : messageChannelImmediate(),
    startTimer(delay, fn) {
      // Rounded up, since Bun and Node cut a fraction off and fire early.
      const ms = Math.ceil(delay * 1000);
      return setTimeout(fn, Math.min(Math.max(ms, 0), MAX_DELAY_MS));
    },
    clearTimer: (timer) => clearTimeout(timer as number),
    keepAlive() {
      const id = setInterval(() => {}, MAX_DELAY_MS);
      return () => clearInterval(id);
    },
  };
}

/** Macrotasks of their own where there is no setImmediate. */
export function messageChannelImmediate(): (fn: () => void) => void {
  const queue: (() => void)[] = [];
  let channel: MessageChannel | undefined;
  return (fn) => {
    if (channel === undefined) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => queue.shift()?.();
    }
    queue.push(fn);
    channel.port2.postMessage(null);
  };
}
