/**
 * Operations that need no await; callbacks and bodies share them. The twin of
 * `oracle/ops.py`.
 */
import * as aio from "../../mod.ts";
import { build, spelled } from "./aws.ts";
import type { Scope } from "./spell.ts";
import type { World } from "./world.ts";
import type {
  Aw,
  ContextOption,
  ErrorSpec,
  Op,
  SpawnOptions,
  SyncOp,
} from "./types.ts";

type TaskOptions = NonNullable<
  Parameters<aio.BaseEventLoop["createTask"]>[1]
>;

/** What carries out one operation. */
export type SyncRun = (s: Scope, ...args: never[]) => void;

/** Operations by name. */
export const SYNC: Record<string, SyncRun> = {
  log: (s, text: string) => s.w.say("log", text),
  raise: (s, error: ErrorSpec) => {
    throw s.w.error(error);
  },
  stop: (s) => s.w.loop.stop(),
  time: (s) => s.w.say("time"),

  future: (s, name: string) => s.w.put(name, "future", s.w.loop.createFuture()),
  set: (s, name: string, aw: Aw) => {
    const found = build(s, aw, { stored: true });
    if (found === undefined) return;
    if (found instanceof aio.Task) s.w.put(name, "task", found);
    else if (aio.isFuture(found)) s.w.put(name, "future", found);
    else s.w.put(name, "coro", found as aio.Coroutine<unknown>);
  },
  ensure: (s, name: string, aw: Aw) => {
    const found = build(s, aw, { task: true });
    if (found === undefined) return;
    const made = aio.ensureFuture(found, { loop: s.w.loop });
    s.w.put(name, "task", made as aio.Task<unknown>);
  },
  resolve: (s, name: string, value: unknown = null) =>
    s.w.get(name, "future", "task")?.setResult(value),
  fail: (s, name: string, error: ErrorSpec) =>
    s.w.get(name, "future", "task")?.setException(s.w.error(error)),
  cancel: (s, name: string, ...message: [string?]) => {
    const found = s.w.get(name, "future", "task", "handle");
    if (found === undefined) return;
    const answer = found instanceof aio.Handle
      ? found.cancel()
      : found.cancel(...message);
    s.w.say("cancel", name, s.w.show(answer));
  },
  query: (s, name: string) => {
    const found = s.w.get(name, "future", "task");
    if (found) s.w.say("query", name, s.w.state(found, true));
  },
  result: (s, name: string) => {
    const found = s.w.get(name, "future", "task");
    if (found) s.w.say("result", name, s.w.show(found.result()));
  },
  exception: (s, name: string) => {
    const found = s.w.get(name, "future", "task");
    if (found) s.w.say("exception", name, s.w.show(found.exception()));
  },
  onDone: (
    s,
    name: string,
    label: string,
    ops: SyncOp[] = [],
    options: ContextOption = {},
  ) => {
    const found = s.w.get(name, "future", "task");
    if (found === undefined) return;
    const known = s.w.names.get(label);
    // The same callback added again is one callback, as removal must see.
    const run = known?.kind === "callback"
      ? known.value as (...futures: unknown[]) => void
      : callback(s.w, label, ops);
    s.w.put(label, "callback", run);
    const context = contextOption(s.w, options);
    found.addDoneCallback(run, context ? { context } : {});
  },
  offDone: (s, name: string, label: string) => {
    const found = s.w.get(name, "future", "task");
    const run = s.w.get(label, "callback");
    if (!found || !run) return;
    s.w.say("offDone", label, String(found.removeDoneCallback(run)));
  },

  spawn: (s, name: string, body: string | Op[], options: SpawnOptions = {}) => {
    const use = { task: true, eager: options.eager };
    const coro = spelled(s, name, body, use);
    if (coro === undefined) return;
    const made = s.w.loop.createTask(coro, taskOptions(s.w, name, options));
    s.w.put(name, "task", made);
  },
  cancelling: (s, name: string) => {
    const found = s.w.get(name, "task");
    if (found) s.w.say("cancelling", name, String(found.cancelling()));
  },
  uncancel: (s, name: string) => {
    const found = s.w.get(name, "task");
    if (found) s.w.say("uncancel", name, String(found.uncancel()));
  },
  name: (s, name: string) => {
    const found = s.w.get(name, "task");
    if (found) s.w.say("name", name, found.getName());
  },
  rename: (s, name: string, value: unknown) =>
    s.w.get(name, "task")?.setName(value as string),
  coro: (s, name: string) => {
    const found = s.w.get(name, "task");
    if (found) s.w.say("coro", name, String(found.getCoro() !== null));
  },
  current: (s) => s.w.say("current", s.w.show(aio.currentTask(s.w.loop))),
  all: (s) => {
    const found = [...aio.allTasks(s.w.loop)].map((task) => task.getName());
    s.w.say("all", found.sort().join(","));
  },

  soon: (s, name: string, ops: SyncOp[] = [], options: ContextOption = {}) =>
    schedule(s.w, name, ops, options, (run) => s.w.loop.callSoon(run)),
  soonThreadsafe: (
    s,
    name: string,
    ops: SyncOp[] = [],
    options: ContextOption = {},
  ) =>
    schedule(
      s.w,
      name,
      ops,
      options,
      (run) => s.w.loop.callSoonThreadsafe(run),
    ),
  later: (
    s,
    name: string,
    delay: number,
    ops: SyncOp[] = [],
    options: ContextOption = {},
  ) =>
    schedule(s.w, name, ops, options, (run) => s.w.loop.callLater(delay, run)),
  at: (
    s,
    name: string,
    when: number,
    ops: SyncOp[] = [],
    options: ContextOption = {},
  ) => schedule(s.w, name, ops, options, (run) => s.w.loop.callAt(when, run)),
  close: (s) => s.w.loop.close(),
  handle: (s, name: string) => {
    const found = s.w.get(name, "handle");
    if (found === undefined) return;
    const when = found instanceof aio.TimerHandle ? found.when() : null;
    s.w.say("handle", name, String(found.cancelled()), s.w.show(when));
  },
  callHandler: (s, message: string, error?: ErrorSpec) =>
    s.w.loop.callExceptionHandler({
      message,
      ...(error === undefined ? {} : { exception: s.w.error(error) }),
    }),

  makeTimeout: (s, name: string, delay: number | null) =>
    s.w.put(name, "timeout", aio.timeout(delay)),
  makeTimeoutAt: (s, name: string, when: number | null) =>
    s.w.put(name, "timeout", aio.timeoutAt(when)),
  reschedule: (s, name: string, delay: number | null) =>
    s.w.get(name, "timeout")?.reschedule(
      delay === null ? null : s.w.loop.time() + delay,
    ),
  when: (s, name: string) => {
    const found = s.w.get(name, "timeout");
    if (found) s.w.say("when", name, s.w.show(found.when()));
  },
  expired: (s, name: string) => {
    const found = s.w.get(name, "timeout");
    if (found) s.w.say("expired", name, String(found.expired()));
  },

  ctxSet: (s, name: string, value: unknown, token?: string) => {
    const made = variable(s.w, name).set(value);
    if (token !== undefined) s.w.put(token, "token", made);
  },
  ctxGet: (s, name: string) => {
    const found = variable(s.w, name);
    const value = name === "v" ? found.get() : found.get("unset");
    s.w.say("ctx", name, s.w.show(value));
  },
  ctxReset: (s, name: string, token: string) => {
    const found = s.w.get(token, "token");
    if (found) variable(s.w, name).reset(found);
  },
  ctxCopy: (s, name: string) => s.w.put(name, "ctx", aio.copyContext()),
  ctxOf: (s, name: string, task: string) => {
    const found = s.w.get(task, "task")?.getContext();
    if (found) s.w.put(name, "ctx", found);
  },
  ctxRun: (s, name: string, ops: SyncOp[]) =>
    s.w.get(name, "ctx")?.run(() => runSync(s, ops)),
};

/** Runs operations that need no await. */
export function runSync(s: Scope, ops: readonly SyncOp[]): void {
  for (const op of ops) {
    s.w.step();
    runOne(s, op);
  }
}

/** Runs one operation that needs no await. */
export function runOne(s: Scope, op: readonly [string, ...unknown[]]): void {
  const [name, ...args] = op;
  const run = SYNC[name];
  if (run === undefined) throw new Error(`no operation ${name}`);
  run(s, ...args as never[]);
}

/** What a task is made with. */
export function taskOptions(
  w: World,
  name: string,
  options: SpawnOptions,
): TaskOptions {
  const context = contextOption(w, options);
  return {
    ...(context ? { context } : {}),
    ...(options.name === null ? {} : { name: options.name ?? name }),
    ...(options.eager === undefined ? {} : { eagerStart: options.eager }),
  };
}

function callback(
  w: World,
  name: string,
  ops: SyncOp[],
): (...futures: unknown[]) => void {
  // Of no body's scope: whoever scheduled it is not who runs it.
  const scope: Scope = { w, spelling: w.spelling };
  return (...futures) => {
    w.say("run", name, ...futures.map((one) => w.label(one)));
    runSync(scope, ops);
  };
}

function schedule(
  w: World,
  name: string,
  ops: SyncOp[],
  options: ContextOption,
  call: (run: () => void) => aio.Handle,
): void {
  const run = callback(w, name, ops);
  const context = contextOption(w, options);
  const made = context ? context.run(() => call(run)) : call(run);
  w.put(name, "handle", made);
}

function contextOption(
  w: World,
  options: ContextOption,
): aio.Context | undefined {
  return options.ctx === undefined ? undefined : w.get(options.ctx, "ctx");
}

function variable(w: World, name: string): aio.ContextVar<unknown> {
  const found = w.vars[name];
  if (found === undefined) throw new Error(`no context variable ${name}`);
  return found;
}
