/**
 * Sockets, pipes and child processes of a runtime, whose code is loaded when the
 * first of them is wanted: it is more than all that a program without them loads.
 */

import { builtin } from "./host.ts";
import type { Platform } from "./types.ts";

/** What is loaded late. */
export type Io = Pick<
  Platform,
  "sockets" | "datagrams" | "dns" | "pipes" | "processes"
>;

let loaded: Io | null = null;
let loading: Promise<Io> | null = null;
let load: (() => Promise<Io>) | null = null;

function start(): Promise<Io> {
  return loading ??= load!().then((io) => loaded ??= io, (error) => {
    // There may be a file descriptor for it the next time.
    loading = null;
    throw error;
  });
}

/** Brings it, loaded before it is wanted. */
export function bringIo(io: Io): void {
  loaded ??= io;
}

/** Loads it now; what the runtime has not stays away. */
export async function loadIo(): Promise<void> {
  if (loaded === null && load !== null) await start();
}

/** What is called without waiting, which whoever calls it has loaded before. */
function ready(): Io {
  if (loaded !== null) return loaded;
  throw new Error("Cannot use the system's files and processes: not loaded");
}

/** Calls what returns a promise, once it is there. */
function soon<T>(call: (io: Io) => Promise<T>): Promise<T> {
  return loaded === null ? start().then(call) : call(loaded);
}

/**
 * The capabilities of a runtime whose code is loaded late.
 *
 * @param from Loads them.
 */
export function lateIo(from: () => Promise<Io>): Io {
  load = from;
  return {
    sockets: {
      connect: (to, signal) => soon((io) => io.sockets.connect(to, signal)),
      listen: (at, signal) => soon((io) => io.sockets.listen(at, signal)),
      adopt: (fd) => soon((io) => io.sockets.adopt(fd)),
      removeSocketFile: (path) => ready().sockets.removeSocketFile(path),
    },
    datagrams: {
      open: (options) => soon((io) => io.datagrams.open(options)),
    },
    dns: {
      isIP: (host) =>
        builtin<{ isIP(host: string): 0 | 4 | 6 }>("node:net")!.isIP(host),
      lookup: (host, options) => soon((io) => io.dns.lookup(host, options)),
      lookupService: (address, port) =>
        soon((io) => io.dns.lookupService(address, port)),
    },
    pipes: {
      openRead: (from, signal) => soon((io) => io.pipes.openRead(from, signal)),
      openWrite: (to, signal) => soon((io) => io.pipes.openWrite(to, signal)),
    },
    processes: {
      spawn: (options) => ready().processes.spawn(options),
      signalNumber: (name) => ready().processes.signalNumber(name),
      accountId: (kind, name) => ready().processes.accountId(kind, name),
    },
  };
}
