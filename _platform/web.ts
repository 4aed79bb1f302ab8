/**
 * The adapter for browsers, their workers and edge runtimes, which have neither
 * sockets nor processes: what needs those is refused by name.
 */

import { NotImplementedError } from "../exceptions.ts";
import { hostClock, messageChannelImmediate } from "./clock.ts";
import { host } from "./host.ts";
import { SignalNumbers } from "./signal_numbers.ts";
import type { Clock, Platform } from "./types.ts";
import { webContext } from "./web_context.ts";

/** How fine the clock is: coarser where pages of others might be timed by it. */
const FINE = 5e-6;
const COARSE = 1e-4;

/** The globals of browsers that are used. */
interface WebGlobals {
  readonly MessageChannel?: typeof MessageChannel;
  readonly crossOriginIsolated?: boolean;
  readonly scheduler?: { postTask?(fn: () => void): Promise<void> };
}

const web = globalThis as unknown as WebGlobals;

/**
 * The error for what a browser cannot do.
 *
 * @param action What was asked for, as in "open a connection".
 * @param remedy What to do instead.
 */
export function lacking(action: string, remedy: string): NotImplementedError {
  return new NotImplementedError(
    `Cannot ${action}: browsers and edge runtimes do not let programs do that; ` +
      remedy,
  );
}

const FETCH = "use fetch() or WebSocket, or a server on Deno, Bun or Node";
const SERVER = "do it on Deno, Bun or Node";

/** Macrotasks of their own. Timers are not: browsers delay nested ones by 4 ms. */
function macrotasks(): Clock["immediate"] {
  const { scheduler, MessageChannel } = web;
  // Taken once: fake timers that a test installs later must not reach in here.
  const { setTimeout } = globalThis;
  const { setImmediate } = host;
  // What is made for browsers may run elsewhere, where a port holds the process up.
  if (setImmediate !== undefined) return (fn) => void setImmediate(fn);
  if (typeof scheduler?.postTask === "function") {
    return (fn) => void scheduler.postTask!(fn);
  }
  if (typeof MessageChannel !== "function") {
    return (fn) => void setTimeout(fn, 0);
  }
  return messageChannelImmediate();
}

/** The version of a numeric host's protocol, or 0. */
function isIP(host: string): 0 | 4 | 6 {
  if (/^(?:(?:25[0-5]|(?:2[0-4]|1\d|[1-9])?\d)(?:\.(?!$)|$)){4}$/.test(host)) {
    return 4;
  }
  const address = host.replace(/%[^%]+$/, "");
  return address.includes(":") && URL.canParse(`http://[${address}]/`) ? 6 : 0;
}

/** Nothing ends a page that waits. */
function keepAlive(): () => void {
  return () => {};
}

/** Refuses by a rejection, as what is done later does. */
function refuses(
  action: string,
  remedy: string,
): (...args: never[]) => Promise<never> {
  return () => Promise.reject(lacking(action, remedy));
}

/** Makes the platform for browsers and edge runtimes. */
export function webPlatform(): Platform {
  const cannot = (action: string, remedy: string) => (): never => {
    throw lacking(action, remedy);
  };
  return {
    runtime: "web",
    clock: {
      ...hostClock(web.crossOriginIsolated === true ? FINE : COARSE),
      immediate: macrotasks(),
      keepAlive,
    },
    context: webContext(),
    os: {
      name: "web",
      pid: 0,
      isMainThread: host.WorkerGlobalScope === undefined,
      env: () => undefined,
    },
    signals: {
      numbers: new SignalNumbers({}),
      add(name) {
        throw lacking(`listen to ${name}`, "listen to an event of the page");
      },
      remove() {},
      isHandled: () => false,
      watchInterrupts: () => null,
      endOnUncaught() {},
      raiseDefault(name) {
        throw lacking(`send ${name}`, SERVER);
      },
    },
    sockets: {
      connect: refuses("open a connection", FETCH),
      listen: refuses("listen for connections", SERVER),
      adopt: refuses("take over a socket", SERVER),
      removeSocketFile: cannot("remove the file of a socket", SERVER),
    },
    datagrams: { open: refuses("open a datagram socket", FETCH) },
    dns: {
      isIP,
      lookup: refuses("look up a host", FETCH),
      lookupService: refuses("look up a host's name", SERVER),
    },
    tls: {
      context: cannot("make a TLS context", FETCH),
      engine: cannot("speak TLS", FETCH),
      readText: cannot("read a file", "use fetch()"),
    },
    pipes: {
      openRead: refuses("read a pipe", "read a ReadableStream"),
      openWrite: refuses("write a pipe", "write a WritableStream"),
    },
    processes: {
      spawn: cannot("start a program", SERVER),
      signalNumber: () => undefined,
      accountId: cannot("look up an account", SERVER),
    },
  };
}
