/**
 * A platform whose clock, signals and operating system a test owns. An idle
 * loop does not wait: the clock jumps to the deadline it asked for.
 */

import { fakeSignals } from "./fake_signals.ts";
import { fakeSockets } from "./fake_sockets.ts";
import { platform as real } from "./mod.ts";
import type { Clock, Platform } from "./types.ts";

/** What a test may choose. */
export interface FakeOptions {
  /** The operating system's name; the real one unless given. */
  os?: string;
  /** What the clock shows at first, in seconds; 0 unless given. */
  start?: number;
  /** Environment variables; none unless given. */
  env?: Record<string, string>;
}

/** A clock that moves only when it is waited for or told to. */
export interface FakeClock extends Clock {
  /** Moves the clock on by some seconds. */
  advance(seconds: number): void;
  /** How many times a loop went idle with a deadline. */
  readonly waits: number;
}

/** A platform under a test's control. */
export interface FakePlatform extends Platform {
  readonly clock: FakeClock;
}

interface FakeTimer {
  cancelled: boolean;
}

/** Makes a platform with a clock of its own. */
export function fakePlatform(options: FakeOptions = {}): FakePlatform {
  let time = options.start ?? 0;
  let waits = 0;
  const clock: FakeClock = {
    resolution: 1e-9,
    now: () => time,
    get waits() {
      return waits;
    },
    advance(seconds) {
      if (!(seconds >= 0)) {
        throw new RangeError(
          `Cannot move the clock backwards: asked for ${seconds} seconds`,
        );
      }
      time += seconds;
    },
    immediate: real.clock.immediate,
    startTimer(delay, fn) {
      waits++;
      const timer: FakeTimer = { cancelled: false };
      const until = time + Math.max(0, delay);
      // A macrotask: what the program started outside the loop comes first.
      real.clock.immediate(() => {
        if (timer.cancelled) return;
        if (until > time) time = until;
        fn();
      });
      return timer;
    },
    clearTimer: (timer) => void ((timer as FakeTimer).cancelled = true),
    keepAlive: real.clock.keepAlive,
  };
  return {
    runtime: "fake",
    clock,
    context: real.context,
    os: {
      name: options.os ?? real.os.name,
      pid: real.os.pid,
      isMainThread: real.os.isMainThread,
      env: (name) => options.env?.[name],
    },
    signals: fakeSignals(options.os ?? real.os.name),
    sockets: fakeSockets(real.clock.immediate),
    datagrams: real.datagrams,
    dns: real.dns,
    tls: real.tls,
    pipes: real.pipes,
    processes: real.processes,
  };
}
