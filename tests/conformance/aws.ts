/** Awaitables that a scenario can write down; the twin of `oracle/aws.py`. */
import * as aio from "../../mod.ts";
import { makeCoroutine, type Scope, type Use } from "./spell.ts";
import type { Aw, Op } from "./types.ts";

/** Whatever may be awaited, or handed to what awaits. */
export type Awaitable = aio.Future<unknown> | aio.Coroutine<unknown>;

/** What makes an awaitable. */
export type Builder = (
  s: Scope,
  use: Use,
  ...args: never[]
) => Awaitable | undefined;

/** Builders by the first word of an awaitable. */
export const AWAITABLES: Record<string, Builder> = {
  body: (s, use, name: string) => spelled(s, name, name, use),
  do: (s, use, ...ops: Op[]) => spelled(s, "do", ops, use),
  sleep: (_s, _use, delay: number, result?: unknown) =>
    aio.sleep(delay, result),
  gather: (s, _use, aws: Aw[], options: { exceptions?: boolean } = {}) =>
    aio.gather(buildAll(s, aws), {
      returnExceptions: options.exceptions ?? false,
    }),
  shield: (s, _use, aw: Aw) => {
    const found = build(s, aw, { task: true });
    return found && aio.shield(found) as Awaitable;
  },
  waitFor: (s, _use, aw: Aw, timeout: number | null) => {
    const found = build(s, aw);
    return found && aio.waitFor(found, timeout);
  },
  raw: (_s, _use, value: unknown) => value as Awaitable,
};

/** The awaitable, or undefined where a name in it stands for nothing. */
export function build(
  s: Scope,
  aw: Aw,
  use: Use = {},
): Awaitable | undefined {
  if (typeof aw === "string") return s.w.get(aw, "future", "task", "coro");
  const [kind, ...args] = aw;
  const builder = AWAITABLES[kind];
  if (builder === undefined) throw new Error(`no awaitable ${kind}`);
  return builder(s, use, ...args as never[]);
}

/** Those of several that stand for something, for a function that takes many. */
export function buildAll(s: Scope, aws: Aw[]): Awaitable[] {
  return aws.map((aw) => build(s, aw, { task: true }))
    .filter((one) => one !== undefined);
}

/** A coroutine for a body's name, a stored coroutine or a list of ops. */
export function spelled(
  s: Scope,
  name: string,
  body: string | Op[],
  use: Use,
): aio.Coroutine<unknown> | undefined {
  const ops = typeof body === "string" ? s.w.scenario.tasks[body] : body;
  if (ops === undefined) return s.w.get(body as string, "coro");
  const label = typeof body === "string" ? body : name;
  return makeCoroutine(
    s,
    (inside) => s.w.interpret.body(inside, label, ops),
    use,
  );
}
