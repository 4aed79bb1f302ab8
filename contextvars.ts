/**
 * Context variables: values that belong to a task and to what it calls, without
 * being passed along. A task runs in a copy of its creator's context.
 *
 * @example A value per task
 * ```ts
 * import { ContextVar, gather, run, sleep } from "@x/asyncio";
 *
 * const user = new ContextVar<string>("user");
 * async function greet(name: string) {
 *   user.set(name);
 *   await sleep(0);
 *   return `hello ${user.get()}`;
 * }
 * await run(async () => {
 *   console.log(await gather([() => greet("ann"), () => greet("bob")]));
 * });
 * ```
 *
 * @module
 */

import { RuntimeError } from "./exceptions.ts";
import { state, type StepOwner, taskStore } from "./_kernel/state.ts";

const MISSING: unique symbol = Symbol("missing");

/** Options of a {@linkcode ContextVar}. */
export interface ContextVarOptions<T> {
  /** What `get` returns where no value was set. */
  default?: T;
  /**
   * Whether its value travels to workers, as a structured clone: with `toThread`. The
   * variable of the same name over there has it, so the name must be its own among
   * those that travel.
   */
  cloneable?: boolean;
}

/** The variables whose values travel, by name. */
const cloneables = new Map<string, ContextVar<unknown>>();

/**
 * A variable whose value depends on the context that reads it. Declare it once,
 * at the top of a module.
 *
 * @typeParam T What it holds.
 */
export class ContextVar<T> {
  /** The name, for error texts and debugging. */
  readonly name: string;
  readonly #default: T | typeof MISSING;

  /**
   * Declares a variable.
   *
   * @param name The name shown in error texts.
   * @param options `default`: what `get` returns where no value was set;
   * `cloneable`: whether its value travels to workers.
   * @throws RangeError Where another variable of this name travels.
   */
  constructor(name: string, options?: ContextVarOptions<T>) {
    if (typeof name !== "string") {
      throw new TypeError("context variable name must be a str");
    }
    this.name = name;
    this.#default = options !== undefined && "default" in options
      ? options.default as T
      : MISSING;
    if (options?.cloneable !== true) return;
    if (cloneables.has(name)) {
      throw new RangeError(
        `Cannot make context variable '${name}' cloneable: there is another of ` +
          "this name, and workers tell them apart by it",
      );
    }
    cloneables.set(name, this as ContextVar<unknown>);
  }

  /**
   * The value in the current context.
   *
   * @param fallback Returned where no value was set, before the default.
   * @returns The value.
   * @throws RangeError Where there is no value, no fallback and no default.
   */
  get(...fallback: [T?]): T {
    const vars = readContext()?._vars;
    if (vars != null && vars.has(this)) return vars.get(this) as T;
    if (fallback.length > 0) return fallback[0] as T;
    if (this.#default !== MISSING) return this.#default;
    throw new RangeError(
      `Cannot read context variable '${this.name}': it has no value in this ` +
        "context and no default; set it first or pass a fallback to get()",
    );
  }

  /**
   * Gives it a value in the current context.
   *
   * @param value The value.
   * @returns A token that {@linkcode ContextVar.reset} takes to undo this.
   */
  set(value: T): Token<T> {
    const context = currentContext();
    const vars = context._own();
    const token = new Token<T>(
      this,
      context,
      vars.has(this) ? [vars.get(this) as T] : [],
    );
    vars.set(this, value);
    return token;
  }

  /**
   * Puts back what stood before the `set` that made the token.
   *
   * @param token What `set` returned, in this same context.
   */
  reset(token: Token<T>): void {
    if (token._used) {
      throw new RuntimeError(`${token} has already been used once`);
    }
    if (token.var !== this) {
      throw new RangeError(`${token} was created by a different ContextVar`);
    }
    const context = currentContext();
    if (token._context !== context) {
      throw new RangeError(`${token} was created in a different Context`);
    }
    token._used = true;
    const vars = context._own();
    if (token._old.length > 0) vars.set(this, token._old[0]);
    else vars.delete(this);
  }

  /** Shows the name. */
  toString(): string {
    return `<ContextVar name='${this.name}'>`;
  }
}

/** Remembers what a {@linkcode ContextVar.set} replaced. */
export class Token<T> {
  /** Stands in {@linkcode Token.oldValue} where no value was set before. */
  static readonly MISSING: unique symbol = MISSING as never;
  /** The variable it belongs to. */
  readonly var: ContextVar<T>;
  /** @internal */
  readonly _context: Context;
  /** @internal */
  readonly _old: [T?];
  /** @internal */
  _used = false;

  /** @internal */
  constructor(variable: ContextVar<T>, context: Context, old: [T?]) {
    this.var = variable;
    this._context = context;
    this._old = old;
  }

  /** The value before the `set`, or {@linkcode Token.MISSING}. */
  get oldValue(): T | typeof Token.MISSING {
    return this._old.length > 0 ? this._old[0] as T : Token.MISSING;
  }

  /** Undoes the `set`: `using _ = variable.set(1)`. */
  [Symbol.dispose](): void {
    this.var.reset(this);
  }

  /** Shows the variable and whether the token was used. */
  toString(): string {
    return `<Token${this._used ? " used" : ""} var=${this.var}>`;
  }
}

/**
 * A set of context variables with their values.
 *
 * Writes go to a map of its own; a copy shares the map until either side writes.
 */
export class Context {
  /** @internal */
  _vars: Map<unknown, unknown> | null = null;
  /**
   * Whether another context may hold the same map.
   *
   * @internal
   */
  _shared = false;
  /**
   * Whether a call further up the stack runs in it.
   *
   * @internal
   */
  _entered = false;

  /**
   * The map to write to.
   *
   * @internal
   */
  _own(): Map<unknown, unknown> {
    if (this._vars === null) return this._vars = new Map();
    if (this._shared) {
      this._vars = new Map(this._vars);
      this._shared = false;
    }
    return this._vars;
  }

  /** A copy that shares nothing visible with this one. */
  copy(): Context {
    const copy = new Context();
    if (this._vars !== null) {
      this._shared = true;
      copy._vars = this._vars;
      copy._shared = true;
    }
    return copy;
  }

  /**
   * Calls a function in this context: what it sets stays in here.
   *
   * An async function runs in this context up to its first `await`, then in its
   * task's; make a task with the `context` option for all of it.
   *
   * @param fn The function.
   * @param args What it is called with.
   * @returns What it returned.
   * @throws RuntimeError When this context is already being run in.
   */
  run<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
    this._checkEntered();
    const { sync, task, context } = state;
    const outer = readContext();
    // Code after a native await has its task in the store, not in the state.
    if (!sync) state.task = storedTask();
    // Of the contexts on the stack, the state shows the innermost only.
    const outerEntered = outer?._entered ?? false;
    if (outer !== null) outer._entered = true;
    this._entered = true;
    state.sync = true;
    state.context = this;
    try {
      return fn(...args);
    } finally {
      this._entered = false;
      if (outer !== null) outer._entered = outerEntered;
      state.sync = sync;
      state.task = task;
      state.context = context;
    }
  }

  /**
   * Refuses to be entered twice.
   *
   * @internal
   */
  _checkEntered(): void {
    if (this._isEntered()) {
      throw new RuntimeError(
        `cannot enter context: ${this} is already entered`,
      );
    }
  }

  /**
   * Whether code on the stack runs in it.
   *
   * @internal
   */
  _isEntered(): boolean {
    return this._entered || readContext() === this;
  }

  /** The value of a variable here, or undefined. */
  get<T>(variable: ContextVar<T>): T | undefined {
    return this._vars?.get(variable) as T | undefined;
  }

  /** Whether a variable has a value here. */
  has(variable: ContextVar<unknown>): boolean {
    return this._vars?.has(variable) ?? false;
  }

  /** How many variables have a value here. */
  get size(): number {
    return this._vars?.size ?? 0;
  }

  /** The variables that have a value here. */
  keys(): IterableIterator<ContextVar<unknown>> {
    return (this._vars ?? new Map()).keys();
  }

  /** The values. */
  values(): IterableIterator<unknown> {
    return (this._vars ?? new Map()).values();
  }

  /** Pairs of variable and value. */
  entries(): IterableIterator<[ContextVar<unknown>, unknown]> {
    return (this._vars ?? new Map()).entries();
  }

  /** Iterates over the variables, as in Python. */
  [Symbol.iterator](): IterableIterator<ContextVar<unknown>> {
    return this.keys();
  }

  /** Shows how many variables are set. */
  toString(): string {
    return `<Context with ${this.size} variables>`;
  }
}

/** The context of code that runs in no task and no callback. */
const root = new Context();

function storedTask() {
  const task = taskStore.get();
  return task === undefined || task.done() ? null : task;
}

/**
 * The context of the running code, or null for an empty one.
 *
 * @internal
 */
export function readContext(): Context | null {
  if (state.sync) {
    // Null in a step is the task's own, which may have been made meanwhile.
    return state.context ?? (state.task === null ? null : state.task._context);
  }
  const task = taskStore.get();
  return task === undefined ? root : task._context;
}

/**
 * The context of the running code, made where it is still missing.
 *
 * @internal
 */
export function currentContext(): Context {
  if (state.sync) {
    if (state.context === null) {
      const { task } = state;
      state.context = task === null
        ? new Context()
        : task._context ??= new Context();
    }
    return state.context;
  }
  const task = taskStore.get();
  if (task === undefined) return root;
  return task._context ??= new Context();
}

/**
 * A copy of the current context, or null where that is empty: an empty context
 * per task and handle would be made and never looked at.
 *
 * @internal
 */
export function snapshotContext(): Context | null {
  const context = readContext();
  return context === null || context._vars === null ? null : context.copy();
}

/**
 * Copies the current context.
 *
 * @returns The copy.
 */
export function copyContext(): Context {
  return currentContext().copy();
}

/**
 * The values that travel to workers: those set in the current context of variables
 * marked so. Null where there are none.
 *
 * @internal
 */
export function _cloneableValues(): Record<string, unknown> | null {
  if (cloneables.size === 0) return null;
  const vars = readContext()?._vars;
  if (vars == null) return null;
  let values: Record<string, unknown> | null = null;
  for (const [name, variable] of cloneables) {
    if (vars.has(variable)) (values ??= {})[name] = vars.get(variable);
  }
  return values;
}

/**
 * Calls a function where the variables have the values that travelled: for it, and,
 * where it is async, for all that follows.
 *
 * @internal
 */
export function _runWithValues<R>(
  values: Readonly<Record<string, unknown>>,
  fn: () => R,
): R {
  const context = new Context();
  for (const [name, value] of Object.entries(values)) {
    const variable = cloneables.get(name);
    if (variable !== undefined) context._own().set(variable, value);
  }
  const owner: StepOwner = {
    _context: context,
    // No task: only the context is looked at.
    done: () => true,
    getLoop() {
      throw new RuntimeError("no running event loop");
    },
  };
  return taskStore.run(owner, fn);
}
