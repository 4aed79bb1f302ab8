/** What the tests have workers do. Each worker loads this module for itself. */

import {
  BrokenBarrierError,
  checkCancelled,
  ContextVar,
  ExceptionGroup,
  IncompleteReadError,
  type ModuleFunctions,
  moduleFunctions,
  OSError,
  run,
  sleep,
  SystemExit,
  toThread,
  type Transfer,
  transfer,
  workerName,
} from "../mod.ts";

/** The functions below, as other threads name them. */
export const jobs: ModuleFunctions<typeof import("./_jobs.ts")> =
  moduleFunctions<typeof import("./_jobs.ts")>(import.meta.url);

export const notFunction = 3;

/** Its result cannot even be asked whether it is awaitable. */
export function oddThen(): object {
  return {
    get then(): never {
      throw new RangeError("no then");
    },
  };
}
export const travelling: ContextVar<string> = new ContextVar("tests.travels", {
  default: "none",
  cloneable: true,
});
export const staying: ContextVar<string> = new ContextVar("tests.stays", {
  default: "none",
});

/** How often this module's `count` was called in this worker. */
let counted = 0;

export function noop(): void {}

export function add(a: number, b: number): number {
  return a + b;
}

export function count(): number {
  return ++counted;
}

export function setCount(n: number): void {
  counted = n;
}

export function name(): string | null {
  return workerName();
}

export async function later(ms: number): Promise<string> {
  await new Promise((done) => setTimeout(done, ms));
  return "later";
}

/** Blocks the thread. */
export function block(ms: number): string {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return "blocked";
}

/** Says in a shared cell that it runs, then waits until the cell is set to 2. */
export function hold(cell: Int32Array<SharedArrayBuffer>): string {
  Atomics.add(cell, 0, 1);
  Atomics.notify(cell, 0);
  while (Atomics.load(cell, 1) === 0) Atomics.wait(cell, 1, 0, 1000);
  return "released";
}

export function spin(cell: Int32Array<SharedArrayBuffer>, ms: number): void {
  Atomics.store(cell, 0, 1);
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export function spinAsking(cell: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(cell, 0, 1);
  for (;;) {
    try {
      checkCancelled();
    } catch (error) {
      Atomics.store(cell, 1, 1);
      throw error;
    }
  }
}

export function spinPlainly(): void {
  for (;;);
}

/** Asks each time that it has let messages in; says so by what it counts. */
export async function askNowAndThen(): Promise<void> {
  try {
    for (;;) {
      await new Promise((done) => setTimeout(done, 1));
      checkCancelled();
    }
  } finally {
    counted = 100;
  }
}

/** Uses a thread of its own. */
export async function nested(): Promise<number> {
  return await run(() => toThread(jobs.add, 20, 3));
}

export function sumOf(bytes: Uint8Array): number {
  return bytes.reduce((a, b) => a + b, 0);
}

export function bytes(n: number): Transfer<Uint8Array<ArrayBuffer>> {
  const made = new Uint8Array(n).fill(1);
  return transfer(made, [made.buffer]);
}

export function returnFunction(): () => void {
  return () => {};
}

export function values(): [string, string] {
  return [travelling.get(), staying.get()];
}

export async function valuesAfterAwait(): Promise<string> {
  const before = travelling.get();
  await new Promise((done) => setTimeout(done, 1));
  const after = travelling.get();
  travelling.set("changed");
  return `${before} ${after} ${travelling.get()}`;
}

export async function loopInside(): Promise<string> {
  return await run(async () => {
    await sleep(0.001);
    return "ran";
  });
}

class OwnError extends RangeError {
  override name = "OwnError";
  readonly detail = { n: 1 };
  readonly unsendable = () => {};
}

export const errors: Readonly<Record<string, () => unknown>> = {
  range: () => new RangeError("out of range"),
  type: () => new TypeError("of a type"),
  os: () => OSError.from("ECONNREFUSED", "refused", { address: "x:1" }),
  broken: () => new BrokenBarrierError("broken"),
  incomplete: () => new IncompleteReadError(new Uint8Array([1, 2]), 5),
  exit: () => new SystemExit(3),
  group: () =>
    new ExceptionGroup("several", [
      new RangeError("one"),
      new ExceptionGroup("inner", [new TypeError("two")]),
    ]),
  aggregate: () => new AggregateError([new RangeError("one")], "all"),
  dom: () => new DOMException("not now", "AbortError"),
  own: () => new OwnError("own"),
  caused: () => new Error("outer", { cause: new RangeError("inner") }),
  value: () => "a string",
  unsendable: () => () => {},
};

export function fail(kind: string): never {
  throw errors[kind]!();
}

export function crash(how: "throw" | "reject" | "exit" | "close"): void {
  if (how === "throw") {
    setTimeout(() => {
      throw new RangeError("crashed");
    });
  }
  if (how === "reject") Promise.reject(new RangeError("crashed"));
  const scope = globalThis as unknown as {
    process: { exit(code: number): void };
    close?(): void;
  };
  if (how === "exit") scope.process.exit(3);
  if (how === "close") {
    if (scope.close) scope.close();
    else scope.process.exit(0);
  }
}

/** Crashes while it waits for something that never comes. */
export async function crashLater(
  how: "throw" | "reject" | "exit" | "close",
): Promise<void> {
  crash(how);
  await new Promise(() => {});
}

export function initialize(n: number): void {
  counted = n;
}

export function initializeBadly(): void {
  throw new RangeError("badly");
}
