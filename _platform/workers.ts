/** Workers: threads that share no objects. */

import { RuntimeError } from "../exceptions.ts";
import { held } from "./host.ts";

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
  /** Asks for leave to load a worker's code; returns why it is refused, or null. */
  refusal(url: URL): string | null;
  /**
   * Starts a worker; a failure is told later.
   *
   * @param own What starts one in a bundle for browsers, if the program says so.
   */
  start(
    url: URL,
    name: string,
    events: HostWorkerEvents,
    own: (() => Worker) | null,
  ): HostWorker;
  /** Loads a module, as code of the program would. */
  load(url: string): Promise<Readonly<Record<string, unknown>>>;
}

// Taken once: fake timers that a test installs later must not reach in here.
const setTimeout = held("setTimeout");
const clearTimeout = held("clearTimeout");

/** How long, in milliseconds, a program that has been loaded may take to load. */
const WAITING_MS = 200;

/** Loads a module, as the runtimes do it. */
export function loadPlainly(
  url: string,
): Promise<Readonly<Record<string, unknown>>> {
  return import(url);
}

/**
 * Loads a module, but not the main program while that awaits at its top level:
 * Bun and Node would wait for its end, which may wait for this.
 *
 * @param url The module.
 * @param main The path of the main program.
 */
export async function loadUnlessWaiting(
  url: string,
  main: string,
): Promise<Readonly<Record<string, unknown>>> {
  const loading = loadPlainly(url);
  if (decodeURIComponent(new URL(url).pathname) !== main) return await loading;
  let timer: ReturnType<typeof globalThis.setTimeout> | undefined;
  const waiting = new Promise<never>((_, reject) => {
    timer = setTimeout()(
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
    clearTimeout()(timer);
  }
}
