/**
 * Operations that await or nest, and the bodies made of them. The twin of
 * `oracle/flow.py`.
 */
import * as aio from "../../mod.ts";
import { build, buildAll } from "./aws.ts";
import { matches, withCause } from "./errors.ts";
import { runOne } from "./ops.ts";
import { BARE, type Core, type Scope, spell } from "./spell.ts";
import type {
  Aw,
  CompletedOptions,
  ErrorSpec,
  Op,
  TryParts,
  WaitOptions,
} from "./types.ts";

/** Travels out of nested blocks, through their finally parts. */
export class Returned {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** Stands for a `raise` without an error until the handler sees it. */
class Bare extends Error {}

/** What a block is left with: a value, where it returned. */
export type Left = Returned | undefined;
/** What carries out one operation. */
export type FlowRun = (s: Scope, ...args: never[]) => Core<Left>;

/** Operations by name. */
export const FLOW: Record<string, FlowRun> = {
  *await(s, aw: Aw) {
    const found = build(s, aw);
    if (found !== undefined) s.w.say("got", s.w.show(yield found));
    return undefined;
  },
  *sleep(_s, delay: number | "nan") {
    yield aio.sleep(delay === "nan" ? NaN : delay);
    return undefined;
  },
  *yield() {
    yield BARE;
    return undefined;
  },
  *call(s, ops: Op[]) {
    return (yield spell(s.spelling, () => runFlow(s, ops))()) as Left;
  },
  *return(_s, value: unknown = null) {
    return new Returned(value);
  },
  *try(s, parts: TryParts) {
    let left: Left;
    try {
      left = yield* runFlow(s, parts.do ?? []);
      if (left === undefined && parts.else) {
        left = yield* runFlow(s, parts.else);
      }
    } catch (error) {
      const ops = Object.entries(parts.except ?? {})
        .find(([kind]) => matches(error, kind))?.[1];
      if (ops === undefined) throw error;
      s.w.say("caught", s.w.show(error));
      try {
        left = yield* runFlow(s, ops);
      } catch (inner) {
        throw inner instanceof Bare ? error : inner;
      }
    } finally {
      if (parts.finally) {
        s.w.say("finally");
        left = (yield* runFlow(s, parts.finally)) ?? left;
      }
    }
    return left;
  },
  *reraise() {
    throw new Bare();
  },
  *raiseFrom(s, error: ErrorSpec, cause: ErrorSpec) {
    throw withCause(s.w.error(error), s.w.error(cause));
  },
  /** Runs the loop from inside itself: a body, or without end. */
  *nestedRun(s, name?: string) {
    const { loop } = s.w;
    const made = name === undefined ? undefined : build(s, ["body", name]);
    const run = made ? loop.runUntilComplete(made) : loop.runForever();
    // A foreign promise: only so can both spellings wait for it.
    yield aio.wrapFuture(run as Promise<unknown>, { loop });
    return undefined;
  },
  *timeout(s, name: string, delay: number | null, ops: Op[]) {
    s.w.put(name, "timeout", aio.timeout(delay));
    return yield* enter(s, name, ops);
  },
  *timeoutAt(s, name: string, when: number | null, ops: Op[]) {
    s.w.put(name, "timeout", aio.timeoutAt(when));
    return yield* enter(s, name, ops);
  },
  enter,
  *wait(s, aws: Aw[], options: WaitOptions = {}) {
    const { done, pending } = (yield aio.wait(buildAll(s, aws) as never, {
      ...("timeout" in options ? { timeout: options.timeout } : {}),
      ...("when" in options ? { returnWhen: options.when } : {}),
    } as never)) as { done: Set<unknown>; pending: Set<unknown> };
    const [first, second] = [done, pending].map((set) =>
      [...set].map((one) => s.w.label(one)).sort().join(",")
    );
    s.w.say("wait", `done=${first}`, `pending=${second}`);
    return undefined;
  },
  *asCompleted(s, aws: Aw[], options: CompletedOptions = {}) {
    const iterator = aio.asCompleted(
      buildAll(s, aws),
      "timeout" in options ? { timeout: options.timeout ?? null } : {},
    );
    let left = options.limit ?? 1000;
    if (options.style === "async") {
      const items = iterator[Symbol.asyncIterator]();
      while (true) {
        // A generator has no `for await`, and asks the iterator directly.
        const found = s.spelling === "generator"
          ? yield iterator.nextFuture()
          : ((yield items.next()) as IteratorResult<unknown>).value;
        if (found === null || found === undefined) break;
        s.w.say("completed", s.w.label(found));
        const returned = yield* item(s, found, options);
        if (returned) return returned;
        if (--left === 0) break;
      }
      return undefined;
    }
    for (const found of iterator) {
      const returned = yield* item(s, found, options);
      if (returned) return returned;
      if (--left === 0) break;
    }
    return undefined;
  },
};

function* enter(s: Scope, name: string, ops: Op[]): Core<Left> {
  const found = s.w.get(name, "timeout");
  if (found === undefined) return undefined;
  const body = spell(s.spelling, () => runFlow(s, ops));
  const left = (yield found.with(body as () => Promise<Left>)) as Left;
  s.w.say("exit", name, String(found.expired()));
  return left;
}

function* item(
  s: Scope,
  found: unknown,
  options: CompletedOptions,
): Core<Left> {
  try {
    s.w.say("item", s.w.show(yield found));
  } catch (error) {
    if (!matches(error, "Exception")) throw error;
    s.w.say("item", s.w.show(error));
  }
  return yield* runFlow(s, options.do ?? []);
}

/** Runs operations until one returns. */
export function* runFlow(s: Scope, ops: readonly Op[]): Core<Left> {
  for (const op of ops) {
    if (s.w.dead) return new Returned(null);
    s.w.step();
    const [name, ...args] = op as [string, ...unknown[]];
    const run = FLOW[name];
    if (run === undefined) {
      runOne(s, op as [string, ...unknown[]]);
      continue;
    }
    const left = yield* run(s, ...args as never[]);
    if (left !== undefined) return left;
  }
  return undefined;
}

/** Runs a body inside the task or the coroutine made of it. */
export function* runBody(s: Scope, label: string, ops: Op[]): Core {
  const { w } = s;
  const task = aio.currentTask(w.loop);
  if (task === null) throw new Error(`${label} runs outside any task`);
  if (task.getName().startsWith("Task-")) {
    const count = (w.starts.get(label) ?? 0) + 1;
    w.starts.set(label, count);
    task.setName(count === 1 ? label : `${label}#${count}`);
  }
  if (!w.names.has(label)) w.put(label, "task", task);
  w.say("start", label);
  let left: Left;
  try {
    left = yield* runFlow(s, ops);
  } catch (error) {
    w.say("raise", label, w.show(error));
    throw error;
  }
  const value = left?.value ?? null;
  w.say("return", label, w.show(value));
  return value;
}
