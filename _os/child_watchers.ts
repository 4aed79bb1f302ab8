/**
 * The watchers of child processes that asyncio had up to 3.13: what they share, and
 * the two that look for ended children in the turn of one loop.
 *
 * They see the children that this library started. A loop hears of its own children
 * from the runtime, whichever watcher is set.
 */

import { children } from "../_platform/children.ts";
import { AbstractEventLoop, Handle, isExit } from "../events.ts";
import { NotImplementedError, RuntimeError } from "../exceptions.ts";
import { logger, warn } from "../log.ts";

/** Is told of the end of a child: its id, its return code, and what was asked for. */
export type ChildCallback<A extends unknown[] = unknown[]> = (
  pid: number,
  returncode: number,
  ...args: A
) => unknown;

/** What a watcher keeps for a child. */
export interface ChildHandler {
  readonly callback: ChildCallback;
  readonly args: readonly unknown[];
}

/** What is reported of a child whose end somebody else has seen. */
export const UNKNOWN_RETURNCODE = 255;

/** Says that a name is going to be removed, as CPython does. */
export function deprecated(name: string): void {
  warn(
    `'${name}' is deprecated as of Python 3.12 and will be removed in Python ` +
      "3.14.",
    "DeprecationWarning",
  );
}

/** The library's own watchers, and others that were spoken of already. */
const accepted = new WeakSet<object>();

/**
 * Spares the library's own classes the warning that subclasses get.
 *
 * @param watchers The classes.
 */
export function ownWatchers(...watchers: readonly object[]): void {
  for (const watcher of watchers) accepted.add(watcher);
}

/**
 * Refuses what is no process id or no function.
 *
 * @throws {RangeError} If `pid` is no positive integer.
 * @throws {TypeError} If `callback` is no function.
 */
export function checkHandler(pid: number, callback: unknown): void {
  if (!Number.isSafeInteger(pid) || pid <= 0) {
    throw new RangeError(
      `Cannot watch the child ${pid}: a process id is a positive integer`,
    );
  }
  if (typeof callback !== "function") {
    throw new TypeError(
      "a callable object was expected by addChildHandler(), got " +
        (callback === null ? "null" : typeof callback),
    );
  }
}

/** Calls `exit` when a body has ended, by whatever way it does. */
export function exitAfter<T>(body: () => T, exit: () => void): T {
  let result: T;
  try {
    result = body();
  } catch (error) {
    exit();
    throw error;
  }
  if (result instanceof Promise) return result.finally(exit) as T;
  if (isGenerator(result)) return exitAfterGenerator(result, exit) as T;
  exit();
  return result;
}

function isGenerator(
  value: unknown,
): value is Generator<unknown, unknown, unknown> {
  return typeof (value as { next?: unknown } | null)?.next === "function" &&
    typeof (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] ===
      "function";
}

function* exitAfterGenerator<T>(
  body: Generator<unknown, T, unknown>,
  exit: () => void,
): Generator<unknown, T, unknown> {
  try {
    return yield* body;
  } finally {
    exit();
  }
}

/**
 * Watches child processes and tells how they end.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export abstract class AbstractChildWatcher {
  /** Warns of a class that is not the library's own, once. */
  constructor() {
    if (accepted.has(new.target)) return;
    accepted.add(new.target);
    deprecated("AbstractChildWatcher");
  }

  /**
   * Calls a function when a child has ended; it takes the place of one that was given
   * before for the same child.
   *
   * @param _pid The child's process id.
   * @param _callback Is called with the id, the return code and the arguments.
   * @param _args What it is called with.
   */
  addChildHandler<A extends unknown[]>(
    _pid: number,
    _callback: ChildCallback<A>,
    ..._args: A
  ): void {
    throw missing(this, "addChildHandler");
  }

  /**
   * Forgets the function for a child.
   *
   * @param _pid The child's process id.
   * @returns Whether there was one.
   */
  removeChildHandler(_pid: number): boolean {
    throw missing(this, "removeChildHandler");
  }

  /**
   * Makes the watcher work in a loop, and no more in the one before.
   *
   * @param _loop The loop; null for none.
   */
  attachLoop(_loop: AbstractEventLoop | null): void {
    throw missing(this, "attachLoop");
  }

  /** Ends the watching. */
  close(): void {
    throw missing(this, "close");
  }

  /** Whether it would hear of a child's end now. */
  isActive(): boolean {
    throw missing(this, "isActive");
  }

  /**
   * Runs a body that starts a child and adds a handler for it; an end in between is
   * not missed.
   *
   * @param _body The body: a plain function, or an async or a generator function.
   * @returns What the body returns.
   */
  with<T>(_body: (watcher: this) => T): T {
    throw missing(this, "with");
  }
}

function missing(self: object, method: string): NotImplementedError {
  return new NotImplementedError(
    `Cannot call ${method}(): ${self.constructor.name} does not have it`,
  );
}

/**
 * What the watchers share that work in the turn of one loop.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export class BaseChildWatcher extends AbstractChildWatcher {
  /** @internal */
  _loop: AbstractEventLoop | null = null;
  /** @internal */
  readonly _callbacks: Map<number, ChildHandler> = new Map();
  #detach: (() => void) | null = null;
  #scheduled = false;

  /** Makes a watcher without a loop. */
  constructor() {
    super();
  }

  /** Lets go of the loop. */
  override close(): void {
    this.attachLoop(null);
  }

  /** Whether its loop runs. */
  override isActive(): boolean {
    return this._loop !== null && this._loop.isRunning();
  }

  /**
   * Works in a loop from now on. Children that have ended meanwhile are told of at
   * once.
   *
   * @param loop The loop; null for none.
   * @throws {TypeError} If it is no loop.
   */
  override attachLoop(loop: AbstractEventLoop | null): void {
    if (loop !== null && !(loop instanceof AbstractEventLoop)) {
      throw new TypeError(
        "loop must be an instance of AbstractEventLoop or null, not " +
          `'${typeof loop}'`,
      );
    }
    if (this._loop !== null && loop === null && this._callbacks.size > 0) {
      warn(
        "A loop is being detached from a child watcher with pending handlers",
        "RuntimeWarning",
      );
    }
    this.#detach?.();
    this.#detach = null;
    this._loop = loop;
    if (loop === null) return;
    const handle = new Handle(() => this.#childEnded(), [], loop);
    this.#scheduled = false;
    const stop = children.onEnd(() => this.#schedule(handle));
    this.#detach = () => {
      stop();
      handle.cancel();
    };
    this._pollAll();
  }

  /** Once for all that end before the loop's next turn. */
  #schedule(handle: Handle): void {
    if (this.#scheduled || handle._loop.isClosed()) return;
    this.#scheduled = true;
    handle._loop._push(handle);
  }

  #childEnded(): void {
    this.#scheduled = false;
    const loop = this._loop!;
    try {
      this._pollAll();
    } catch (error) {
      if (isExit(error)) throw error;
      loop.callExceptionHandler({
        message: "Unknown exception in SIGCHLD handler",
        exception: error,
      });
      // The children that are behind the one whose callback failed.
      if (!loop.isClosed()) loop.callSoon(() => this.#childEnded());
    }
  }

  /**
   * Looks for children that have ended.
   *
   * @internal
   */
  _pollAll(): void {
    throw missing(this, "_pollAll");
  }

  /** @internal */
  _logEnd(pid: number, returncode: number): void {
    if (!this._loop?.getDebug()) return;
    logger.debug(`process ${pid} exited with returncode ${returncode}`);
  }
}

/**
 * A watcher that asks for each of its children whenever a child has ended, and leaves
 * others alone.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export class SafeChildWatcher extends BaseChildWatcher {
  /** Makes a watcher without a loop, and warns that it is going to be removed. */
  constructor() {
    super();
    deprecated("SafeChildWatcher");
  }

  /** Forgets all children and lets go of the loop. */
  override close(): void {
    this._callbacks.clear();
    super.close();
  }

  /** Runs a body; see {@linkcode AbstractChildWatcher.with}. */
  override with<T>(body: (watcher: this) => T): T {
    return body(this);
  }

  /**
   * Calls a function when a child has ended: at once if it has.
   *
   * @param pid The child's process id.
   * @param callback Is called with the id, the return code and the arguments. The
   * code is 255 for a child that is not known.
   * @param args What it is called with.
   */
  override addChildHandler<A extends unknown[]>(
    pid: number,
    callback: ChildCallback<A>,
    ...args: A
  ): void {
    checkHandler(pid, callback);
    this._callbacks.set(pid, { callback: callback as ChildCallback, args });
    this.#poll(pid);
  }

  /** Forgets the function for a child; returns whether there was one. */
  override removeChildHandler(pid: number): boolean {
    return this._callbacks.delete(pid);
  }

  /** @internal */
  override _pollAll(): void {
    for (const pid of [...this._callbacks.keys()]) this.#poll(pid);
  }

  #poll(pid: number): void {
    // A callback may have taken it off the list.
    const handler = this._callbacks.get(pid);
    if (handler === undefined) return;
    let returncode = children.poll(pid);
    if (returncode === null) return;
    if (returncode === undefined) {
      returncode = UNKNOWN_RETURNCODE;
      logger.warning(
        `Unknown child process pid ${pid}, will report returncode 255`,
      );
    } else this._logEnd(pid, returncode);
    this._callbacks.delete(pid);
    handler.callback(pid, returncode, ...handler.args);
  }
}

/**
 * A watcher that takes the end of any child that nobody waits for, so that its cost
 * does not grow with their number. Start children inside its `with` only.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export class FastChildWatcher extends BaseChildWatcher {
  /** Children that ended before a handler was added. */
  readonly #early: Map<number, number> = new Map();
  #blocks = 0;

  /** Makes a watcher without a loop, and warns that it is going to be removed. */
  constructor() {
    super();
    deprecated("FastChildWatcher");
  }

  /** Forgets all children and lets go of the loop. */
  override close(): void {
    this._callbacks.clear();
    this.#early.clear();
    super.close();
  }

  /** Runs a body; see {@linkcode AbstractChildWatcher.with}. */
  override with<T>(body: (watcher: this) => T): T {
    this.#blocks++;
    return exitAfter(() => body(this), () => this.#leave());
  }

  #leave(): void {
    if (--this.#blocks > 0 || this.#early.size === 0) return;
    const victims = [...this.#early].map(([pid, code]) => `${pid}: ${code}`);
    this.#early.clear();
    logger.warning(
      "Caught subprocesses termination from unknown pids: " +
        `{${victims.join(", ")}}`,
    );
  }

  /**
   * Calls a function when a child has ended: at once if it has.
   *
   * @param pid The child's process id.
   * @param callback Is called with the id, the return code and the arguments.
   * @param args What it is called with.
   * @throws {RuntimeError} Outside `with`.
   */
  override addChildHandler<A extends unknown[]>(
    pid: number,
    callback: ChildCallback<A>,
    ...args: A
  ): void {
    checkHandler(pid, callback);
    if (this.#blocks === 0) {
      throw new RuntimeError("Must use the context manager: call with()");
    }
    const returncode = this.#early.get(pid);
    if (returncode === undefined) {
      this._callbacks.set(pid, { callback: callback as ChildCallback, args });
      return;
    }
    this.#early.delete(pid);
    callback(pid, returncode, ...args);
  }

  /** Forgets the function for a child; returns whether there was one. */
  override removeChildHandler(pid: number): boolean {
    return this._callbacks.delete(pid);
  }

  /** @internal */
  override _pollAll(): void {
    for (;;) {
      const ended = children.pollAny();
      if (ended === null) return;
      this.#take(ended[0], ended[1]);
    }
  }

  #take(pid: number, returncode: number): void {
    const handler = this._callbacks.get(pid);
    if (handler !== undefined) {
      this._callbacks.delete(pid);
      this._logEnd(pid, returncode);
      handler.callback(pid, returncode, ...handler.args);
    } else if (this.#blocks > 0) {
      // It may be about to be added.
      this.#early.set(pid, returncode);
      if (this._loop?.getDebug()) {
        logger.debug(
          `unknown process ${pid} exited with returncode ${returncode}`,
        );
      }
    } else {
      logger.warning(
        `Caught subprocess termination from unknown pid: ${pid} -> ` +
          `${returncode}`,
      );
    }
  }
}

ownWatchers(
  AbstractChildWatcher,
  BaseChildWatcher,
  SafeChildWatcher,
  FastChildWatcher,
);
