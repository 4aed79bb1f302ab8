/**
 * The context capability of browsers, which have no AsyncLocalStorage. The value
 * follows async code by three things:
 *
 * - Microtasks run first come, first served. What is queued between two of the
 *   store's own runs between these two; so what a piece of followed code has queued
 *   is found between the next pair, and so on. Such a chain of pairs ends soon after
 *   the code waits for this library, and otherwise after {@linkcode FAR} pairs.
 * - `await promise` and `promise.then` read `promise.constructor` at once, before
 *   they wait. An accessor in its place, which gives what stood there, adds one
 *   reaction before those of the wait and one after, while followed code runs.
 * - What this library itself resumes is followed by {@linkcode ContextStore.carrier}.
 *
 * What awaits another library's object with a `then` method is resumed unseen.
 * Where that may be who asks, the store refuses to answer.
 */

import { RuntimeError } from "../exceptions.ts";
import { asyncHooksContext, enteringHop, promiseHop } from "./context.ts";
import { type AsyncHooksModule, builtin } from "./host.ts";
import type { Carrier, ContextStore, HostContext } from "./types.ts";

// Taken once: what a test replaces later must not reach in here.
const { queueMicrotask, Promise } = globalThis;
const { then } = Promise.prototype;

/** How many pairs follow code that may have awaited what is no promise. */
const FAR = 256;
/** How many still do once it waits for a promise: for what else it has begun. */
const BESIDE = 16;
/** The same where it waits for this library, or has ended. */
const NEAR = 3;

/** Who has a value, and what is known of the waits of the code. */
class Owner<T> {
  readonly value: T;
  /** How many chains follow it. */
  chains = 0;
  /** The waits from which it will be followed on. */
  pending = 0;
  /** The async functions that were called with the value and have not returned. */
  active = 0;

  constructor(value: T) {
    this.value = value;
  }
}

/** Follows what one piece of code puts into the queue of microtasks. */
class Chain<T extends object> {
  readonly owner: Owner<T>;
  readonly #store: FollowingStore<T>;
  /** How many pairs are to come. */
  left: number = FAR;
  /** The waits that its code has begun since the last end of a pair. */
  #waits: Wait<T>[] = [];
  #goesOn = false;
  /** Who was followed where the open pair began. */
  #outer: Chain<T> | null = null;

  constructor(store: FollowingStore<T>, owner: Owner<T>) {
    this.#store = store;
    this.owner = owner;
    store._began(this);
  }

  readonly open = (): void => {
    this.#outer = this.#store._current;
    this.#store._current = this;
    this.#goesOn = --this.left > 0;
    if (this.#goesOn) queueMicrotask(this.open);
  };

  readonly close = (): void => {
    this.endWaits();
    this.#store._current = this.#outer;
    this.#outer = null;
    if (this.#goesOn) queueMicrotask(this.close);
    else this.#store._ended(this);
  };

  /** Has it end after so many pairs. */
  shorten(left: number): void {
    if (left < this.left) this.left = left;
  }

  waits(promise: Promise<unknown>): void {
    this.shorten(BESIDE);
    this.#waits.push(new Wait(this.#store, this.owner, promise));
  }

  /** The code has come to its end: all its waits have their reactions now. */
  endWaits(): void {
    if (this.#waits.length === 0) return;
    const waits = this.#waits;
    this.#waits = [];
    for (const wait of waits) wait.end();
  }
}

/**
 * What is nobody's amid what others have queued: the work of a loop that goes on in
 * the same turn. It needs pairs of its own as long as theirs go on around them.
 */
class Island<T extends object> {
  readonly #store: FollowingStore<T>;
  #around: Chain<T>[];
  #goesOn = false;
  #outer: Chain<T> | null = null;

  constructor(store: FollowingStore<T>, around: Chain<T>[]) {
    this.#store = store;
    this.#around = around;
  }

  readonly open = (): void => {
    this.#outer = this.#store._current;
    this.#store._current = null;
    this.#around = this.#around.filter((chain) => this.#store._isActive(chain));
    this.#goesOn = this.#around.length > 0;
    if (this.#goesOn) queueMicrotask(this.open);
  };

  readonly close = (): void => {
    this.#store._current = this.#outer;
    this.#outer = null;
    if (this.#goesOn) queueMicrotask(this.close);
  };
}

/** A wait of followed code for a promise. */
class Wait<T extends object> {
  readonly #store: FollowingStore<T>;
  readonly #owner: Owner<T>;
  readonly #promise: Promise<unknown>;
  #chain: Chain<T> | null = null;

  constructor(
    store: FollowingStore<T>,
    owner: Owner<T>,
    promise: Promise<unknown>,
  ) {
    this.#store = store;
    this.#owner = owner;
    this.#promise = promise;
    store._react(promise, this.#open);
    owner.pending++;
  }

  end(): void {
    this.#store._react(this.#promise, this.#close);
  }

  readonly #open = (): void => {
    this.#owner.pending--;
    this.#chain = this.#store._resume(this.#owner);
    this.#chain?.open();
  };

  readonly #close = (): void => this.#chain?.close();
}

/** What may tell that its code will not run any more: a task. */
interface Ending {
  done?(): boolean;
}

/** A store that follows native async code; see the top of this file. */
class FollowingStore<T extends object> implements ContextStore<T> {
  /** Who is followed right now. */
  _current: Chain<T> | null = null;
  readonly #owners = new WeakMap<T, Owner<T>>();
  /** Whose code waits for something that nobody sees. */
  readonly #lost = new Set<Owner<T>>();
  readonly #active = new Set<Chain<T>>();
  /** Whether the library itself is at work: it knows who it is. */
  #own = false;
  /** Whether a reaction of the store's own is being added. */
  #reacting = false;
  #watching = false;

  get(): T | undefined {
    const current = this._current;
    if (current !== null) return current.owner.value;
    if (this.#lost.size > 0 && !this.#own) this.#refuse();
    return undefined;
  }

  run<R>(value: T, fn: () => R, called?: unknown): R {
    if (!this.#watching) this.#watch();
    const owner = this.#ownerOf(value);
    const outer = this._current;
    const chain = new Chain(this, owner);
    queueMicrotask(chain.open);
    this._current = chain;
    this.#lost.delete(owner);
    try {
      const result = fn();
      if (result instanceof Promise) {
        this.#untilSettled(owner, result, isAsyncFunction(called));
      } else chain.shorten(1);
      return result;
    } finally {
      chain.endWaits();
      this._current = outer;
      queueMicrotask(chain.close);
    }
  }

  carrier(): Carrier {
    const current = this._current;
    if (current === null) return uncarried;
    current.shorten(NEAR);
    const { owner } = current;
    owner.pending++;
    let waiting = true;
    return (callback) => (value) => {
      // Of the two callbacks one is called, and once.
      if (waiting) owner.pending--;
      waiting = false;
      const chain = this._resume(owner);
      if (chain === null) return callback(value);
      queueMicrotask(chain.open);
      try {
        return callback(value);
      } finally {
        queueMicrotask(chain.close);
      }
    };
  }

  /** Calls `fn` in a microtask; what it sets going belongs to nobody. */
  hop(fn: () => void): () => void {
    const hopped = () => {
      const outer = this._current;
      const island = this.#active.size === 0
        ? null
        : new Island(this, [...this.#active]);
      if (island !== null) queueMicrotask(island.open);
      this._current = null;
      this.#own = true;
      try {
        fn();
      } finally {
        this.#own = false;
        this._current = outer;
        if (island !== null) queueMicrotask(island.close);
      }
    };
    return () => queueMicrotask(hopped);
  }

  /** What follows code that goes on; null where that is followed already. */
  _resume(owner: Owner<T>): Chain<T> | null {
    this.#lost.delete(owner);
    const current = this._current;
    if (current?.owner !== owner) return new Chain(this, owner);
    current.left = FAR;
    return null;
  }

  _began(chain: Chain<T>): void {
    chain.owner.chains++;
    this.#active.add(chain);
  }

  _ended(chain: Chain<T>): void {
    this.#active.delete(chain);
    const { owner } = chain;
    if (--owner.chains === 0 && owner.active > 0 && owner.pending === 0) {
      this.#lost.add(owner);
    }
  }

  _isActive(chain: Chain<T>): boolean {
    return this.#active.has(chain);
  }

  /** Notes when a function that was called with a value is over. */
  #untilSettled(
    owner: Owner<T>,
    result: Promise<unknown>,
    isAsync: boolean,
  ): void {
    if (isAsync) owner.active++;
    this._react(result, () => {
      if (isAsync && --owner.active === 0) this.#lost.delete(owner);
      if (this._current?.owner === owner) this._current.shorten(NEAR);
    });
  }

  /** Adds a reaction, of which the promise's own waits notice nothing. */
  _react(promise: Promise<unknown>, reaction: () => void): void {
    this.#reacting = true;
    try {
      then.call(promise, reaction, reaction);
    } finally {
      this.#reacting = false;
    }
  }

  #ownerOf(value: T): Owner<T> {
    let owner = this.#owners.get(value);
    if (owner === undefined) {
      this.#owners.set(value, owner = new Owner(value));
    }
    return owner;
  }

  /** Sees to it that the waits of followed code are known. */
  #watch(): void {
    this.#watching = true;
    const { prototype } = Promise;
    const before = Object.getOwnPropertyDescriptor(prototype, "constructor");
    // Where it is frozen, code is followed as far as its microtasks go.
    if (before?.configurable !== true) return;
    const note = (promise: unknown) => {
      const current = this._current;
      if (current === null || this.#reacting || promise === prototype) return;
      if (promise instanceof Promise) current.waits(promise);
    };
    Object.defineProperty(prototype, "constructor", {
      configurable: true,
      enumerable: before.enumerable ?? false,
      get(this: unknown) {
        note(this);
        return before.get === undefined ? before.value : before.get.call(this);
      },
      set(this: object, value: unknown) {
        Object.defineProperty(this, "constructor", {
          value,
          writable: true,
          configurable: true,
          enumerable: true,
        });
      },
    });
  }

  #refuse(): void {
    for (const owner of this.#lost) {
      if ((owner.value as Ending).done?.() === true) this.#lost.delete(owner);
      else {
        throw new RuntimeError(
          `Cannot tell whose code asks: ${owner.value} awaits an object that ` +
            "is neither a promise nor of @x/asyncio, and this runtime does not " +
            "tell who goes on after that; have it await wrapFuture(object), or " +
            "write that function as a generator",
        );
      }
    }
  }
}

const uncarried: Carrier = (callback) => callback;

function isAsyncFunction(value: unknown): boolean {
  return typeof value === "function" &&
    Object.prototype.toString.call(value) === "[object AsyncFunction]";
}

/** The context capability by following code: where the runtime has nothing. */
export function followingContext(): HostContext {
  // One store and one hop that know of each other, as there is one per thread.
  const store = new FollowingStore<object>();
  return {
    createStore: <T extends object>() => store as unknown as ContextStore<T>,
    hop: (fn) => store.hop(fn),
  };
}

/** `AsyncContext`, which is to become a part of JavaScript. */
interface AsyncContextLike {
  readonly Variable: new () => {
    get(): unknown;
    run<R>(value: unknown, fn: () => R): R;
  };
  readonly Snapshot: new () => { run<R>(fn: () => R): R };
}

/** The globals that know the context of async code. */
interface ContextGlobals {
  readonly AsyncContext?: Partial<AsyncContextLike>;
  /** Of runtimes that have it as a global object, too. */
  readonly AsyncLocalStorage?: AsyncHooksModule["AsyncLocalStorage"];
}

/** The context capability by what the runtime offers, or by following the code. */
export function webContext(): HostContext {
  const globals = globalThis as unknown as ContextGlobals;
  const { Variable, Snapshot } = globals.AsyncContext ?? {};
  if (typeof Variable === "function" && typeof Snapshot === "function") {
    return {
      createStore<T extends object>(): ContextStore<T> {
        const variable = new Variable();
        return {
          get: () => variable.get() as T | undefined,
          run: (value, fn) => variable.run(value, fn),
        };
      },
      hop: enteringHop(() => {
        const snapshot = new Snapshot();
        return (fn) => snapshot.run(fn);
      }),
    };
  }
  const AsyncLocalStorage = globals.AsyncLocalStorage ??
    builtin<AsyncHooksModule>("node:async_hooks")?.AsyncLocalStorage;
  return typeof AsyncLocalStorage === "function"
    ? asyncHooksContext({ AsyncLocalStorage }, promiseHop)
    : followingContext();
}
