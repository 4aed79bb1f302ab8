/**
 * Coroutines: calls that run when they are awaited or made a task, not before.
 *
 * @example Both spellings
 * ```ts
 * import { type Coro, coroutine, run, sleep } from "@x/asyncio";
 *
 * const twice = coroutine(async (n: number) => {
 *   await sleep(0.01);
 *   return 2 * n;
 * });
 * function* fourTimes(n: number): Coro<number> {
 *   return 2 * (yield* twice(n));
 * }
 * console.log(await run(fourTimes(3))); // 12
 * ```
 *
 * @module
 */

import { getRunningLoop } from "./events.ts";
import { RuntimeError } from "./exceptions.ts";
import type { Context } from "./contextvars.ts";
import type { Future } from "./futures.ts";
import { debug } from "./_debug/hooks.ts";
import type { Origin } from "./_debug/origins.ts";
import { traced } from "./_debug/switches.ts";
import type { Unawaited } from "./_debug/unawaited.ts";
import {
  awaitingTask,
  awaitInTask,
  type CoroIterator,
  InlineCall,
  isGenerator,
  type Yieldable,
} from "./_kernel/step.ts";

export type { InlineWait, Yieldable } from "./_kernel/step.ts";
export { asyncgen } from "./_tasks/asyncgens.ts";

/**
 * A generator that is a coroutine: the return type of a `function*` that awaits with
 * `yield*`.
 *
 * @example
 * ```ts
 * import { type Coro, run, sleep } from "@x/asyncio";
 *
 * function* twice(n: number): Coro<number> {
 *   yield* sleep(0.01);
 *   return n * 2;
 * }
 * console.log(await run(twice(21)));
 * ```
 */
export type Coro<T> = Generator<Yieldable, T, unknown>;

/** A function that makes a coroutine: async, a generator function, or one that returns a coroutine. */
export type CoroutineFunction<T> = () =>
  | PromiseLike<T>
  | Generator<Yieldable, T, unknown>;

/** Everything that can be awaited: coroutines in every spelling, futures, tasks, promises. */
export type Awaitable<T> =
  | PromiseLike<T>
  | Generator<Yieldable, T, unknown>
  | CoroutineFunction<T>;

/** A coroutine in any spelling; not a promise, which runs already. */
export type AnyCoroutine<T> = Coroutine<T> | Coro<T> | CoroutineFunction<T>;

/** The result type of an {@linkcode Awaitable}. */
export type ResultOf<A> = A extends Generator<infer _Y, infer T, infer _N> ? T
  : A extends PromiseLike<infer T> ? T
  : A extends (...args: never[]) => infer R ? ResultOf<R>
  : never;

/** Options of `createTask`. */
export interface TaskOptions {
  /** Its name; `Task-N` unless given. */
  name?: string | null | undefined;
  /** The context it runs in; a copy of the current one unless given. */
  context?: Context | null | undefined;
  /** Whether it starts at once, inside the call, and runs until it first waits. */
  eagerStart?: boolean | undefined;
  /** Cancels the task when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** The coroutine function of a generator's class, for telling those apart. */
const GeneratorFunction = (function* () {}).constructor;
const AsyncFunction = (async () => {}).constructor;

/**
 * Marks generator objects that were made tasks: they cannot be told from fresh ones.
 * A property, since a WeakSet of as many members costs more than the spawn.
 */
const DRIVEN: unique symbol = Symbol("driven");

/** How a {@linkcode Coroutine} stands. */
const FRESH = 0;
const TAKEN = 1;
const CLOSED = 2;

/** Marks what `coroutine()` returns. */
const wrapped = new WeakSet<object>();

/**
 * A call that has not run yet. It runs when it is awaited (`await c` in an async
 * function, `yield* c` in a generator), as part of the task that awaits it, or when
 * it is made a task. It can be awaited once.
 *
 * @typeParam T The type of its result.
 */
export class Coroutine<T> implements PromiseLike<T> {
  readonly #fn: (...args: never[]) => unknown;
  readonly #args: readonly unknown[];
  #stage: typeof FRESH | typeof TAKEN | typeof CLOSED = FRESH;
  /**
   * Where it was made, in debug mode.
   *
   * @internal
   */
  declare _origin: Origin | null;
  /**
   * Set in debug mode while nobody has awaited it for long.
   *
   * @internal
   */
  declare _watched: Unawaited | null;

  /**
   * Makes a coroutine of a function and its arguments; see also {@linkcode coroutine}.
   *
   * @param fn The function to call.
   * @param args What it is called with.
   */
  constructor(
    fn: (...args: never[]) => unknown,
    args: readonly unknown[] = [],
  ) {
    this.#fn = fn;
    this.#args = args;
    if (traced) debug!.noteCoroutine(this, fn);
  }

  /** The name of its function. */
  get name(): string {
    return this.#fn.name;
  }

  /**
   * Its function.
   *
   * @internal
   */
  get _function(): object {
    return this.#fn;
  }

  /** Ends it without running it; awaiting it is an error from then on. */
  close(): void {
    this.#stage = CLOSED;
    if (traced && this._watched !== null) this.#unwatch();
  }

  #unwatch(): void {
    this._watched!.forget();
    this._watched = null;
  }

  /**
   * Whether nobody has awaited it.
   *
   * @internal
   */
  _isFresh(): boolean {
    return this.#stage === FRESH;
  }

  /**
   * Takes the function: a coroutine runs once.
   *
   * @internal
   */
  _take(): CoroIterator<T> {
    if (this.#stage !== FRESH) {
      return new Reused(
        this.#stage === CLOSED
          ? `cannot reuse already closed coroutine ${this.name}`
          : "cannot reuse already awaited coroutine: " +
            `${this.name} was awaited or made a task before; call the ` +
            "function again, or make one task and await that",
      ) as CoroIterator<T>;
    }
    this.#stage = TAKEN;
    if (traced && this._watched !== null) this.#unwatch();
    return this._start(this.#fn, this.#args);
  }

  /** @internal */
  _start(
    fn: (...args: never[]) => unknown,
    args: readonly unknown[],
  ): CoroIterator<T> {
    if (fn.constructor === GeneratorFunction) {
      return (fn as (...args: readonly unknown[]) => CoroIterator<T>)(...args);
    }
    return new InlineCall<T>(fn, args, true);
  }

  /** Runs it inside a generator: `const value = yield* c`. */
  [Symbol.iterator](): Iterator<Yieldable, T, unknown> & {
    throw(error: unknown): IteratorResult<Yieldable, T>;
    [Symbol.iterator](): Iterator<Yieldable, T, unknown>;
  } {
    return this._take() as unknown as Generator<Yieldable, T, unknown>;
  }

  /**
   * Runs it inside an async function: `await c`. Outside any task it becomes a task
   * of the running loop.
   *
   * @param onFulfilled Called with the result.
   * @param onRejected Called with the exception.
   * @returns What can be chained on.
   */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    const task = awaitingTask();
    if (task !== null) {
      return awaitInTask(
        task,
        this._take(),
        onFulfilled,
        onRejected,
        this._origin,
      ) as PromiseLike<A | B>;
    }
    let outside: Future<T>;
    try {
      outside = getRunningLoop().createTask<T>(this);
    } catch (error) {
      this.close();
      return Promise.reject(
        new RuntimeError(
          `Cannot await coroutine ${this.name} here: no event loop is ` +
            "running; start one with run()",
          { cause: error },
        ),
      ).then(null, onRejected) as Promise<B>;
    }
    return outside.then(onFulfilled, onRejected);
  }

  /** Shows the name. */
  toString(): string {
    return `<coroutine ${this.name || "(anonymous)"}>`;
  }
}

// Set in debug mode only: no field of each.
Object.assign(Coroutine.prototype, { _origin: null, _watched: null });

/** The iterator of a coroutine that was used before. */
class Reused implements CoroIterator<never> {
  readonly #message: string;

  constructor(message: string) {
    this.#message = message;
  }

  next(): never {
    throw new RuntimeError(this.#message);
  }

  throw(error: unknown): never {
    throw error;
  }

  return(value: never): IteratorResult<never, never> {
    return { done: true, value };
  }
}

/**
 * Makes a coroutine function of an async function or a generator function: calling
 * it runs nothing yet, and returns a {@linkcode Coroutine} that both spellings can
 * await.
 *
 * @param fn The function.
 * @returns The coroutine function.
 *
 * @example
 * ```ts
 * import { coroutine, gather, run, sleep } from "@x/asyncio";
 *
 * const fetchUser = coroutine(async (id: number) => {
 *   await sleep(0.01);
 *   return { id };
 * });
 * await run(async () => {
 *   const [a, b] = await gather([fetchUser(1), fetchUser(2)]);
 *   console.log(a.id, b.id);
 * });
 * ```
 */
export function coroutine<A extends unknown[], T>(
  fn: (...args: A) => Generator<Yieldable, T, unknown>,
): (...args: A) => Coroutine<T>;
/** Makes a coroutine function of an async function. */
export function coroutine<A extends unknown[], T>(
  fn: (...args: A) => PromiseLike<T>,
): (...args: A) => Coroutine<T>;
export function coroutine<A extends unknown[], T>(
  fn: (...args: A) => PromiseLike<T> | Generator<Yieldable, T, unknown>,
): (...args: A) => Coroutine<T> {
  if (typeof fn !== "function") {
    throw new TypeError(
      `Cannot make a coroutine function: a function is needed, got ${typeof fn}`,
    );
  }
  const made = (...args: A) => new Coroutine<T>(fn as never, args);
  Object.defineProperty(made, "name", { value: fn.name, configurable: true });
  wrapped.add(made);
  return made;
}

/**
 * Marks functions that return coroutines, for {@linkcode isCoroutineFunction}.
 *
 * @internal
 */
export function markCoroutineFunctions(
  ...fns: readonly ((...args: never[]) => unknown)[]
): void {
  for (const fn of fns) wrapped.add(fn);
}

/**
 * Names the bodies of the library's coroutines as the functions that return them:
 * warnings and tasks show what the program has called.
 *
 * @internal
 */
export function nameCoroutines(
  bodies: Readonly<Record<string, (...args: never[]) => unknown>>,
): void {
  for (const [value, body] of Object.entries(bodies)) {
    Object.defineProperty(body, "name", { value, configurable: true });
  }
}

/**
 * Whether a value is a coroutine object: a {@linkcode Coroutine} or a generator.
 *
 * @param obj Any value.
 * @returns Whether it is one.
 */
export function isCoroutine(
  obj: unknown,
): obj is Coroutine<unknown> | Coro<unknown> {
  return obj instanceof Coroutine || isGenerator(obj);
}

/**
 * Whether a value is a coroutine function: async, a generator function, or made by
 * {@linkcode coroutine}. A function that merely returns a promise cannot be told
 * from others.
 *
 * @param func Any value.
 * @returns Whether it is one.
 */
export function isCoroutineFunction(func: unknown): boolean {
  if (typeof func !== "function") return false;
  const { constructor } = func;
  return constructor === AsyncFunction || constructor === GeneratorFunction ||
    wrapped.has(func);
}

/**
 * The iterator that drives what was given as a coroutine, or null if it is none: a
 * promise that already runs, a future, or something else.
 *
 * @internal
 */
export function toIterator<T>(coro: unknown): CoroIterator<T> | null {
  if (coro instanceof Coroutine) return coro._take();
  if (typeof coro === "function") {
    return coro.constructor === GeneratorFunction
      ? coro() as CoroIterator<T>
      : new InlineCall<T>(coro as () => unknown, [], true);
  }
  if (!isGenerator(coro)) return null;
  const marked = coro as { [DRIVEN]?: true };
  if (marked[DRIVEN] === true) {
    return new Reused(
      "cannot reuse already awaited coroutine: this generator was made a task " +
        "before; call the generator function again",
    ) as CoroIterator<T>;
  }
  marked[DRIVEN] = true;
  return coro as CoroIterator<T>;
}

/**
 * Ends a coroutine that will not be run.
 *
 * @internal
 */
export function closeCoroutine(coro: unknown): void {
  if (coro instanceof Coroutine) coro.close();
  else if (isGenerator(coro)) coro.return?.(undefined);
}
