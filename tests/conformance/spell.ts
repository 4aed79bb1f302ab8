/**
 * One body, two spellings. The interpreter writes a body once, as a generator
 * that yields what it wants awaited; here it becomes a native async function
 * that uses `await`, or a generator that uses `yield*`.
 */
import * as aio from "../../mod.ts";
import type { World } from "./world.ts";
import type { Spelling } from "./types.ts";

/** A body as the interpreter writes it. */
export type Core<T = unknown> = Generator<unknown, T, unknown>;

/** Asks for one turn of the loop: a generator's bare `yield`. */
export const BARE: unique symbol = Symbol("bare yield");

/** Where operations run: a run, and the spelling of the body they are in. */
export interface Scope {
  /** The run. */
  readonly w: World;
  /** How the body is spelled. */
  readonly spelling: Spelling;
}

/** How a coroutine will be used. */
export interface Use {
  /** It becomes a task. */
  task?: boolean | undefined;
  /** It is started eagerly, or not; absent leaves it to the mode. */
  eager?: boolean | undefined;
  /** It may be used twice, which only a Coroutine notices. */
  stored?: boolean | undefined;
}

async function asAsync<T>(core: Core<T>): Promise<T> {
  let step = core.next();
  while (!step.done) {
    let value: unknown;
    try {
      value = await (step.value === BARE ? aio.sleep(0) : step.value);
    } catch (error) {
      step = core.throw(error);
      continue;
    }
    step = core.next(value);
  }
  return step.value;
}

function* asGenerator<T>(core: Core<T>): aio.Coro<T> {
  let step = core.next();
  while (!step.done) {
    let value: unknown;
    try {
      if (step.value === BARE) value = yield;
      else value = yield* step.value as aio.Coro<unknown>;
    } catch (error) {
      step = core.throw(error);
      continue;
    }
    step = core.next(value);
  }
  return step.value;
}

/** A function in the scope's spelling that runs the core `make` gives. */
export function spell<T, A extends unknown[]>(
  spelling: Spelling,
  make: (...given: A) => Core<T>,
): (...given: A) => Promise<T> | aio.Coro<T> {
  return spelling === "async"
    ? async (...given) => await asAsync(make(...given))
    : function* (...given) {
      return yield* asGenerator(make(...given));
    };
}

/**
 * The spelling of a coroutine made here.
 *
 * The eager part of an async-spelled eager task ends at its first `await`:
 * a deliberate difference ("async eager start"). So what may be started
 * eagerly runs generator-spelled, and so does what it awaits in the same
 * body, while everything else keeps the asked spelling.
 */
export function spellingHere(s: Scope, eager?: boolean): Spelling {
  if (s.spelling === "generator") return "generator";
  const starts = eager ?? s.w.mode === "eager";
  return starts && s.w.loop.isRunning() ? "generator" : "async";
}

/**
 * A coroutine for a core. The accepted forms take turns.
 */
export function makeCoroutine<T>(
  s: Scope,
  make: (inside: Scope) => Core<T>,
  use: Use = {},
): aio.Coroutine<T> {
  const spelling = spellingHere(s, use.eager);
  const scope = { w: s.w, spelling };
  const fn = spell(spelling, () => make(scope));
  const turn = s.w.made++;
  if (turn % 2 === 1 && !use.stored) {
    // The library accepts these wherever it accepts a Coroutine, but `await`
    // takes no generator and neither spelling takes a function.
    if (spelling === "generator" && (use.task || s.spelling === "generator")) {
      return fn() as unknown as aio.Coroutine<T>;
    }
    if (use.task) return fn as unknown as aio.Coroutine<T>;
  }
  return aio.coroutine(fn as () => Promise<T>)();
}
