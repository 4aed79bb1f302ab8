/**
 * A stand-in for the part of @std/async that the tests use, for machines that
 * cannot reach JSR. Written from the package's documentation.
 *
 * @module
 */

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait early, the promise rejecting with the signal's reason. */
  signal?: AbortSignal;
  /** False lets the process end while the wait is under way. */
  persistent?: boolean;
}

/** What a timer is on every runtime but in a browser. */
interface Timer {
  unref(): void;
}

/** Resolves after some milliseconds. */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(id);
      reject(signal?.reason);
    };
    const id = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
    if (!persistent) (id as unknown as Timer).unref();
  });
}

/** Makes a promise reject once a signal is aborted. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/** Makes an async iterable throw once a signal is aborted. */
export function abortable<T>(
  p: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T>;
export function abortable<T>(
  p: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncGenerator<T> {
  return p instanceof Promise
    ? abortablePromise(p, signal)
    : abortableIterable(p, signal);
}

function abortablePromise<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() =>
      signal.removeEventListener("abort", abort)
    );
  });
}

async function* abortableIterable<T>(
  iterable: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  signal.throwIfAborted();
  const iterator = iterable[Symbol.asyncIterator]();
  while (true) {
    const next = iterator.next();
    let result: IteratorResult<T>;
    try {
      result = await abortablePromise(next, signal);
    } catch (error) {
      // Not awaited: the source may be stuck, which is why it was left.
      next.catch(() => {});
      iterator.return?.()?.catch(() => {});
      throw error;
    }
    if (result.done) return;
    yield result.value;
  }
}

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Another way to end the wait early. */
  signal?: AbortSignal;
}

/** Rejects with a TimeoutError when a promise takes too many milliseconds. */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const controller = new AbortController();
  const outer = options.signal;
  const abort = () => controller.abort(outer?.reason);
  if (outer?.aborted) abort();
  outer?.addEventListener("abort", abort, { once: true });
  const id = setTimeout(() => {
    controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
  }, ms);
  try {
    return await abortablePromise(p, controller.signal);
  } finally {
    clearTimeout(id);
    outer?.removeEventListener("abort", abort);
  }
}

/**
 * Maps an iterable with an async function, some calls at a time, and yields the
 * results in the iterable's order. When a call rejects no more are started; the
 * iteration throws an AggregateError once those under way have ended.
 */
export async function* pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  const results: Promise<R>[] = [];
  const running = new Set<Promise<void>>();
  const errors: unknown[] = [];
  let ended = false;
  let wake = () => {};
  const nap = () => new Promise<void>((resolve) => wake = resolve);

  const feed = async () => {
    try {
      for await (const item of array) {
        const result = Promise.resolve(item).then(iteratorFn);
        results.push(result);
        const settled: Promise<void> = result.then(
          () => {},
          (error) => void errors.push(error),
        ).finally(() => running.delete(settled));
        running.add(settled);
        wake();
        if (running.size >= poolLimit) await Promise.race(running);
        if (errors.length > 0) break;
      }
      await Promise.all(running);
    } catch (error) {
      errors.push(error);
    } finally {
      ended = true;
      wake();
    }
  };
  const feeding = feed();

  for (let i = 0; errors.length === 0; i++) {
    while (i >= results.length && !ended) await nap();
    if (i >= results.length) break;
    try {
      yield await results[i]!;
    } catch {
      break;
    }
  }
  await feeding;
  if (errors.length > 0) {
    throw new AggregateError(
      errors,
      "Cannot complete the mapping as an error was thrown from an item",
    );
  }
}

/** A function whose calls are put off until they pause. */
export interface DebouncedFunction<T extends unknown[]> {
  /** Asks for a call; it takes the place of one that waits. */
  (...args: T): void;
  /** Drops the call that waits. */
  clear(): void;
  /** Makes the call that waits now. */
  flush(): void;
  /** Whether a call waits. */
  readonly pending: boolean;
}

/** Puts a function's calls off until none came for some milliseconds. */
export function debounce<T extends unknown[]>(
  fn: (this: DebouncedFunction<T>, ...args: T) => void,
  wait: number,
): DebouncedFunction<T> {
  let id: ReturnType<typeof setTimeout> | undefined;
  let call: (() => void) | undefined;
  const clear = () => {
    clearTimeout(id);
    id = call = undefined;
  };
  const flush = () => {
    const waiting = call;
    clear();
    waiting?.();
  };
  const debounced = ((...args: T) => {
    clear();
    call = () => fn.call(debounced, ...args);
    id = setTimeout(flush, wait);
  }) as DebouncedFunction<T>;
  debounced.clear = clear;
  debounced.flush = flush;
  Object.defineProperty(debounced, "pending", {
    get: () => call !== undefined,
  });
  return debounced;
}

/** Several async iterables as one, each value as soon as it comes. */
export class MuxAsyncIterator<T> implements AsyncIterable<T> {
  #next = new Map<AsyncIterator<T>, Promise<void>>();
  #ready: { iterator: AsyncIterator<T>; result: IteratorResult<T> }[] = [];
  #errors: unknown[] = [];

  /** Adds an iterable, which may be done while the iteration is under way. */
  add(iterable: AsyncIterable<T>): void {
    this.#pull(iterable[Symbol.asyncIterator]());
  }

  #pull(iterator: AsyncIterator<T>): void {
    const next = iterator.next().then(
      (result) => void this.#ready.push({ iterator, result }),
      (error) => void this.#errors.push(error),
    );
    this.#next.set(iterator, next);
  }

  /** Yields the values until every iterable has ended; rethrows an error. */
  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    while (this.#next.size > 0) {
      await Promise.race(this.#next.values());
      if (this.#errors.length > 0) throw this.#errors[0];
      for (const { iterator, result } of this.#ready.splice(0)) {
        if (result.done) {
          this.#next.delete(iterator);
        } else {
          yield result.value;
          this.#pull(iterator);
        }
      }
    }
  }
}
