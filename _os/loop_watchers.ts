/**
 * The watchers of child processes that tell each handler in the loop that ran when it
 * was added.
 */

import { children } from "../_platform/children.ts";
import { platform } from "../_platform/mod.ts";
import {
  AbstractChildWatcher,
  checkHandler,
  type ChildCallback,
  type ChildHandler,
  deprecated,
  ownWatchers,
  UNKNOWN_RETURNCODE,
} from "./child_watchers.ts";
import { type AbstractEventLoop, getRunningLoop } from "../events.ts";
import { logger, warn } from "../log.ts";

interface LoopHandler extends ChildHandler {
  readonly loop: AbstractEventLoop;
}

/** Tells a handler in its loop, unless that is closed. */
function tell(handler: LoopHandler, pid: number, returncode: number): void {
  const { loop, callback, args } = handler;
  if (loop.isClosed()) {
    logger.warning(`Loop ${loop} that handles pid ${pid} is closed`);
    return;
  }
  loop.callSoonThreadsafe(callback, pid, returncode, ...args);
}

function logEnd(
  { loop }: LoopHandler,
  pid: number,
  returncode: number,
): void {
  if (!loop.getDebug()) return;
  logger.debug(`process ${pid} exited with returncode ${returncode}`);
}

/**
 * A watcher for handlers of several loops, which asks for each of its children
 * whenever a child has ended.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export class MultiLoopChildWatcher extends AbstractChildWatcher {
  readonly #handlers: Map<number, LoopHandler> = new Map();
  #detach: (() => void) | null = null;

  /** Makes a watcher, and warns that it is going to be removed. */
  constructor() {
    super();
    deprecated("MultiLoopChildWatcher");
  }

  /** Whether `attachLoop` has started it. */
  override isActive(): boolean {
    return this.#detach !== null;
  }

  /** Forgets all children and ends the watching. */
  override close(): void {
    this.#handlers.clear();
    this.#detach?.();
    this.#detach = null;
  }

  /** Runs a body; see {@linkcode AbstractChildWatcher.with}. */
  override with<T>(body: (watcher: this) => T): T {
    return body(this);
  }

  /**
   * Calls a function, in the running loop, when a child has ended.
   *
   * @param pid The child's process id.
   * @param callback Is called with the id, the return code and the arguments. The
   * code is 255 for a child that is not known.
   * @param args What it is called with.
   * @throws {RuntimeError} When no loop runs.
   */
  override addChildHandler<A extends unknown[]>(
    pid: number,
    callback: ChildCallback<A>,
    ...args: A
  ): void {
    const loop = getRunningLoop();
    checkHandler(pid, callback);
    this.#handlers.set(pid, {
      loop,
      callback: callback as ChildCallback,
      args,
    });
    this.#poll(pid);
  }

  /** Forgets the function for a child; returns whether there was one. */
  override removeChildHandler(pid: number): boolean {
    return this.#handlers.delete(pid);
  }

  /**
   * Starts the watching; the loop itself does not matter.
   *
   * @param _loop Any loop, or null.
   */
  override attachLoop(_loop: AbstractEventLoop | null): void {
    this.#detach ??= children.onEnd(() => this.#pollAll());
  }

  #pollAll(): void {
    for (const pid of [...this.#handlers.keys()]) this.#poll(pid);
  }

  #poll(pid: number): void {
    const handler = this.#handlers.get(pid)!;
    let returncode = children.poll(pid);
    if (returncode === null) return;
    if (returncode === undefined) {
      returncode = UNKNOWN_RETURNCODE;
      logger.warning(
        `Unknown child process pid ${pid}, will report returncode 255`,
      );
    } else logEnd(handler, pid, returncode);
    this.#handlers.delete(pid);
    tell(handler, pid, returncode);
  }
}

/** What a watcher that nobody holds any more would still have told. */
const forgotten = new FinalizationRegistry<ReadonlySet<number>>((pids) => {
  if (pids.size === 0) return;
  warn(
    "ThreadedChildWatcher has registered but not finished child processes",
    "ResourceWarning",
  );
});

/**
 * A watcher that waits for each child by itself. In CPython it takes a thread for
 * each; here the runtime waits.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export class ThreadedChildWatcher extends AbstractChildWatcher {
  readonly #pids: Set<number> = new Set();

  /** Makes a watcher. */
  constructor() {
    super();
    forgotten.register(this, this.#pids);
  }

  /** Always true. */
  override isActive(): boolean {
    return true;
  }

  /** Does nothing: what is waited for will be told. */
  override close(): void {}

  /** Runs a body; see {@linkcode AbstractChildWatcher.with}. */
  override with<T>(body: (watcher: this) => T): T {
    return body(this);
  }

  /**
   * Calls a function, in the running loop, when a child has ended.
   *
   * @param pid The child's process id.
   * @param callback Is called with the id, the return code and the arguments. The
   * code is 255 for a child that is not known.
   * @param args What it is called with.
   * @throws {RuntimeError} When no loop runs.
   */
  override addChildHandler<A extends unknown[]>(
    pid: number,
    callback: ChildCallback<A>,
    ...args: A
  ): void {
    const loop = getRunningLoop();
    checkHandler(pid, callback);
    const pids = this.#pids;
    pids.add(pid);
    waitInLoop(
      { loop, callback: callback as ChildCallback, args },
      pid,
      `Unknown child process pid ${pid}, will report returncode 255`,
      () => void pids.delete(pid),
    );
  }

  /** Does nothing, as in CPython. */
  override removeChildHandler(_pid: number): boolean {
    return true;
  }

  /** Does nothing: handlers know their loops. */
  override attachLoop(_loop: AbstractEventLoop | null): void {}
}

/**
 * A watcher that waits for each child by itself; in CPython by a file descriptor,
 * which Linux has for processes.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export class PidfdChildWatcher extends AbstractChildWatcher {
  /** Makes a watcher. */
  constructor() {
    super();
  }

  /** Runs a body; see {@linkcode AbstractChildWatcher.with}. */
  override with<T>(body: (watcher: this) => T): T {
    return body(this);
  }

  /** Always true. */
  override isActive(): boolean {
    return true;
  }

  /** Does nothing: what is waited for will be told. */
  override close(): void {}

  /** Does nothing: handlers know their loops. */
  override attachLoop(_loop: AbstractEventLoop | null): void {}

  /**
   * Calls a function, in the running loop, when a child has ended.
   *
   * @param pid The child's process id.
   * @param callback Is called with the id, the return code and the arguments. The
   * code is 255 for a child that is not known.
   * @param args What it is called with.
   * @throws {RuntimeError} When no loop runs.
   */
  override addChildHandler<A extends unknown[]>(
    pid: number,
    callback: ChildCallback<A>,
    ...args: A
  ): void {
    const loop = getRunningLoop();
    checkHandler(pid, callback);
    waitInLoop(
      { loop, callback: callback as ChildCallback, args },
      pid,
      `child process pid ${pid} exit status already read: will report ` +
        "returncode 255",
      () => {},
    );
  }

  /** Does nothing, as in CPython. */
  override removeChildHandler(_pid: number): boolean {
    return true;
  }
}

/** Waits for a child and tells a handler in its loop. */
function waitInLoop(
  handler: LoopHandler,
  pid: number,
  warning: string,
  ended: () => void,
): void {
  const found = children.wait(pid, (returncode) => {
    ended();
    logEnd(handler, pid, returncode);
    tell(handler, pid, returncode);
  });
  if (found) return;
  ended();
  logger.warning(warning);
  tell(handler, pid, UNKNOWN_RETURNCODE);
}

/**
 * Makes a return code of a status, as the system's waitpid() gives it: the exit code,
 * or the negative number of the signal that ended the process.
 *
 * @param status The status.
 * @returns The return code; the status itself if it says neither.
 * @throws {TypeError} If it is no integer.
 */
export function waitstatusToExitcode(status: number): number {
  if (!Number.isInteger(status)) {
    throw new TypeError(`status must be an integer, got ${status}`);
  }
  const signal = status & 0x7f;
  if (signal === 0) return (status >> 8) & 0xff;
  // Stopped rather than ended.
  return signal === 0x7f ? status : -signal;
}

/**
 * Whether the system can wait for a process by a file descriptor, which makes
 * {@linkcode PidfdChildWatcher} the watcher unless another is set.
 *
 * @returns Whether this is Linux.
 */
export function canUsePidfd(): boolean {
  return platform.os.name === "linux";
}

ownWatchers(MultiLoopChildWatcher, ThreadedChildWatcher, PidfdChildWatcher);
