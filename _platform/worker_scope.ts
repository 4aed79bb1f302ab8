/**
 * The thread's own side of a worker. It stands apart from the other adapters so that
 * a worker need not load them all.
 */

/** The globals of a worker that are used. */
interface Scope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
  close?: () => void;
  addEventListener(type: string, listener: (event: Event) => void): void;
  readonly process?: WorkerProcess;
  readonly document?: unknown;
  readonly Bun?: { readonly isMainThread: boolean };
}

/** `process` of a worker. */
interface WorkerProcess {
  exit(code: number): never;
  on(event: string, listener: (value: unknown) => void): void;
  listenerCount(event: string): number;
  getBuiltinModule?(name: string): unknown;
}

/** A worker's end of the channel on Node, where it is no global object. */
interface ParentPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  on(event: "message", listener: (data: unknown) => void): void;
}

const scope = globalThis as unknown as Scope;

const parent: ParentPort | null = typeof scope.postMessage === "function"
  ? null
  : parentPort();

function parentPort(): ParentPort | null {
  const threads = scope.process?.getBuiltinModule?.("node:worker_threads") as
    | { readonly parentPort: ParentPort | null }
    | undefined;
  return threads?.parentPort ?? null;
}

/** Whether another thread has started this one. */
const isWorker = parent !== null ||
  typeof scope.postMessage === "function" && scope.document === undefined &&
    scope.Bun?.isMainThread !== true;

/** Sends something to the thread that started this one. */
export function post(message: unknown, transfer: Transferable[] = []): void {
  (parent ?? scope).postMessage(message, transfer);
}

/**
 * Listens to the thread that started this one, and for the end of this one; does
 * nothing in a thread that was not started by another.
 *
 * @param message Called with what was sent.
 * @param died Called before the worker ends by an error that nothing caught, or,
 * without one, by itself. Deno tells the other side of neither.
 */
export function listen(
  message: (data: unknown) => void,
  died: (error: unknown, byError: boolean) => void,
): void {
  if (parent !== null) {
    listenOnNode(parent, message, died);
    return;
  }
  if (!isWorker) return;
  const { close, process } = scope;
  scope.onmessage = ({ data }) => message(data);
  let dying = false;
  const die = (error: unknown, byError: boolean) => {
    if (dying) return;
    dying = true;
    died(error, byError);
  };
  const uncaught = (event: Event) => {
    const { error, reason } = event as ErrorEvent & PromiseRejectionEvent;
    if (event.defaultPrevented) return;
    event.preventDefault();
    die(event.type === "error" ? error : reason, true);
    if (close !== undefined) close.call(scope);
    else process?.exit(1);
  };
  scope.addEventListener("error", uncaught);
  scope.addEventListener("unhandledrejection", uncaught);
  // Of Deno.exit() and process.exit(); close() has no event.
  scope.addEventListener("unload", () => die(undefined, false));
  if (close !== undefined) {
    scope.close = () => {
      die(undefined, false);
      close.call(scope);
    };
  }
}

function listenOnNode(
  port: ParentPort,
  message: (data: unknown) => void,
  died: (error: unknown, byError: boolean) => void,
): void {
  const process = scope.process!;
  let dying = false;
  const die = (error: unknown, byError: boolean) => {
    if (dying) return;
    dying = true;
    died(error, byError);
  };
  process.on("uncaughtExceptionMonitor", (error) => {
    // Who listens for these, handles them.
    if (process.listenerCount("uncaughtException") === 0) die(error, true);
  });
  process.on("exit", () => die(undefined, false));
  port.on("message", message);
}
