/** Workers: threads that share no objects, and the ports between them. */

import { RuntimeError } from "../exceptions.ts";
import { builtin } from "./host.ts";

/** What becomes of a worker, told to the thread that started it. */
export interface HostWorkerEvents {
  /** It sent something. */
  message(data: unknown): void;
  /**
   * It is gone, and not because it was terminated: it could not be loaded, had an
   * error that nothing caught, or ended itself.
   */
  died(reason: string): void;
}

/** A worker, seen from the thread that started it. */
export interface HostWorker {
  /** Sends something; throws where it cannot be cloned. */
  post(message: unknown, transfer: Transferable[]): void;
  /** Ends it; it is told nothing, and no event follows. */
  terminate(): void;
  /** Whether it keeps the process alive. */
  hold(on: boolean): void;
}

/** The workers of a runtime. */
export interface Workers {
  /** How many threads can run at once. */
  readonly parallelism: number;
  /**
   * Whether terminating a worker stops code that never returns to the host. Deno
   * 2.9 forgets such a worker, whose thread goes on until it returns.
   */
  readonly stopsRunningCode: boolean;
  /** Asks for leave to load a worker's code; returns why it is refused, or null. */
  refusal(url: URL): string | null;
  /** Starts a worker; a failure is told later. */
  start(url: URL, name: string, events: HostWorkerEvents): HostWorker;
  /** Takes a message that has come at a port nobody listens to, without waiting. */
  receive(port: MessagePort): { readonly message: unknown } | undefined;
  /** Has a port that is listened to not keep the process alive. */
  release(port: MessagePort): void;
  /** Loads a module, as code of the program would. */
  load(url: string): Promise<Readonly<Record<string, unknown>>>;
}

// Taken once: fake timers that a test installs later must not reach in here.
const { setTimeout, clearTimeout } = globalThis;

/** How long, in milliseconds, a program that has been loaded may take to load. */
const WAITING_MS = 200;

/** `node:worker_threads`, as far as it is used. */
export interface WorkerThreadsModule {
  receiveMessageOnPort(
    port: MessagePort,
  ): { readonly message: unknown } | undefined;
}

/** The ports of all runtimes have what Node's have. */
interface NodePort {
  unref?(): void;
}

/** The parts that the runtimes do alike. */
export function commonWorkers(
  threads: WorkerThreadsModule,
): Pick<Workers, "parallelism" | "receive" | "release" | "load"> {
  return {
    // Node 20 has no navigator.
    parallelism: globalThis.navigator?.hardwareConcurrency ??
      builtin<{ availableParallelism(): number }>("node:os")
        ?.availableParallelism() ??
      1,
    receive: (port) => threads.receiveMessageOnPort(port),
    release: (port) => (port as unknown as NodePort).unref?.(),
    load: (url) => import(url),
  };
}

/**
 * Loads a module, but not the main program while that awaits at its top level:
 * Bun and Node would wait for its end, which may wait for this.
 *
 * @param url The module.
 * @param main The path of the main program.
 * @param load Loads a module.
 */
export async function loadUnlessWaiting(
  url: string,
  main: string,
  load: Workers["load"],
): Promise<Readonly<Record<string, unknown>>> {
  const loading = load(url);
  if (decodeURIComponent(new URL(url).pathname) !== main) return await loading;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waiting = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new RuntimeError(
            `Cannot look up what ${url} exports while it awaits at its top ` +
              "level: have it name the function, with " +
              "moduleFunction(import.meta.url, fn), or put that in a module of " +
              "its own",
          ),
        ),
      WAITING_MS,
    );
  });
  try {
    return await Promise.race([loading, waiting]);
  } finally {
    clearTimeout(timer);
  }
}
