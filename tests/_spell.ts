/**
 * One test body, two spellings. A body is written once, as a generator that yields
 * what it wants awaited; here it becomes an async function that uses `await`, or
 * a generator function that uses `yield*`.
 */
import { type Coro, type Coroutine, coroutine } from "../coroutines.ts";
import { wrapFuture } from "../futures.ts";
import { it, type TestOptions } from "./_harness.ts";
import { runVirtual, type Virtual, type VirtualOptions } from "./_virtual.ts";

/** The ways to write a coroutine function. */
export const SPELLINGS = ["async", "generator"] as const;
/** A way to write a coroutine function. */
export type Spelling = typeof SPELLINGS[number];

// What a `yield` gives back depends on what was yielded, which TypeScript cannot
// say of a generator; the test's own annotation says it.
// deno-lint-ignore no-explicit-any
type Given = any;

/** A body: `const value: number = yield awaitable`. */
export type Body<T = void> = Generator<unknown, T, Given>;

/** What a body of {@linkcode both} is given. */
export interface Spelled extends Virtual {
  /** How it is written. */
  readonly spelling: Spelling;
  /** A coroutine function in this spelling. */
  co<A extends unknown[], T>(
    body: (...args: A) => Body<T>,
  ): (...args: A) => Coroutine<T>;
  /** A bare async or generator function in this spelling. */
  fn<A extends unknown[], T>(
    body: (...args: A) => Body<T>,
  ): (...args: A) => Promise<T> & Coro<T>;
}

async function asAsync<T>(core: Body<T>): Promise<T> {
  let step = core.next();
  while (!step.done) {
    let value: unknown;
    try {
      value = await step.value;
    } catch (error) {
      step = core.throw(error);
      continue;
    }
    step = core.next(value);
  }
  return step.value;
}

function* asGenerator<T>(core: Body<T>): Coro<T> {
  let step = core.next();
  while (!step.done) {
    const awaited = step.value instanceof Promise
      ? wrapFuture(step.value)
      : step.value;
    let value: unknown;
    try {
      value = yield* awaited as Coro<unknown>;
    } catch (error) {
      step = core.throw(error);
      continue;
    }
    step = core.next(value);
  }
  return step.value;
}

/** A bare function in a spelling. */
export function spell<A extends unknown[], T>(
  spelling: Spelling,
  body: (...args: A) => Body<T>,
): (...args: A) => Promise<T> & Coro<T> {
  const made = spelling === "async"
    ? async (...args: A) => await asAsync(body(...args))
    : function* (...args: A): Coro<T> {
      return yield* asGenerator(body(...args));
    };
  Object.defineProperty(made, "name", { value: body.name });
  return made as never;
}

/** What a test of {@linkcode both} may ask for: that of the harness, and of its loop. */
export interface SpelledOptions extends TestOptions {
  readonly virtual?: VirtualOptions;
}

/** Registers a test in one spelling, on a loop with a virtual clock. */
export function inSpelling(
  spelling: Spelling,
  name: string,
  body: (t: Spelled) => Body,
  options: SpelledOptions = {},
): void {
  it(
    `${name} (${spelling})`,
    options,
    () =>
      runVirtual((v) =>
        spell(spelling, body)({
          ...v,
          spelling,
          co: (fn) => coroutine(spell(spelling, fn)),
          fn: (fn) => spell(spelling, fn),
        }), options.virtual),
  );
}

/** Registers a test once per spelling. */
export function both(
  name: string,
  body: (t: Spelled) => Body,
  options?: SpelledOptions,
): void {
  for (const spelling of SPELLINGS) inSpelling(spelling, name, body, options);
}

/** Awaits something that must fail, and returns the error. */
export function* caught(awaitable: unknown): Body<unknown> {
  try {
    yield awaitable;
  } catch (error) {
    return error;
  }
  throw new Error("an error was expected, and none came");
}

/** What an awaitable comes to, as text: its value, or its error's class and text. */
export function* outcome(awaitable: unknown): Body<string> {
  try {
    return String(yield awaitable);
  } catch (error) {
    return `${(error as Error).constructor.name}(${(error as Error).message})`;
  }
}
