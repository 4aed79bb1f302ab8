/** Functions named by module and export: what can be said of one in another thread. */

/** Any function. */
export type AnyFunction = (...args: never[]) => unknown;

/** A value that travels together with things that are moved, not copied. */
export class Transfer<T> {
  /** What the other thread gets. */
  readonly value: T;
  /** What is moved there, and of no more use here. */
  readonly list: readonly Transferable[];
  /** @internal */
  constructor(value: T, list: readonly Transferable[]) {
    this.value = value;
    this.list = list;
  }
}

/**
 * Marks what a value contains as moved rather than copied when it goes to another
 * thread: as an argument or the result of a call, or an item of a
 * {@linkcode SharedQueue}.
 *
 * @param value What the other thread gets.
 * @param list The buffers, ports and streams in it that are moved. They are of no
 * more use here.
 * @returns What stands for the value until it is sent.
 *
 * @example A buffer without a copy
 * ```ts
 * import { transfer } from "@x/asyncio";
 *
 * const pixels = new Uint8Array(1_000_000);
 * const sent = transfer(pixels, [pixels.buffer]);
 * console.log(sent.value === pixels, sent.list.length); // true 1
 * ```
 */
export function transfer<T>(
  value: T,
  list: readonly Transferable[],
): Transfer<T> {
  return new Transfer(value, list);
}

function isTransfer(value: unknown): value is Transfer<unknown> {
  return value instanceof Transfer;
}

/** Takes a value out of its mark, and adds what it moves to a list. */
export function unwrap(value: unknown, list: Transferable[]): unknown {
  if (!isTransfer(value)) return value;
  list.push(...value.list);
  return value.value;
}

/** The same for arguments; the array is the given one where nothing is marked. */
export function unwrapAll(
  args: readonly unknown[],
  list: Transferable[],
): readonly unknown[] {
  for (let i = 0; i < args.length; i++) {
    if (isTransfer(args[i])) return args.map((arg) => unwrap(arg, list));
  }
  return args;
}

/** The arguments of a function, each of which may be marked by `transfer`. */
export type CallArguments<F extends AnyFunction> = MarkedArguments<
  Parameters<F>
>;

/** Arguments of the types listed, each of which may be marked by `transfer`. */
export type MarkedArguments<A extends readonly unknown[]> = {
  [K in keyof A]: A[K] | Transfer<A[K]>;
};

/** What a function returns in the end, as it arrives in another thread. */
export type CallResult<F extends AnyFunction> = Awaited<ReturnType<F>> extends
  infer R ? R extends Transfer<infer T> ? T : R : never;

/** Options of {@linkcode ModuleFunction.withOptions}. */
export interface CallOptions {
  /**
   * Ends the call when it is aborted, and with it the worker that runs it, whatever
   * that does; the await raises CancelledError.
   */
  signal?: AbortSignal | undefined;
  /**
   * Whether cancelling the await ends the worker that runs the call, too. Unless
   * told so the call goes on, as a thread does, and its result is dropped.
   */
  terminateOnCancel?: boolean | undefined;
}

const NO_OPTIONS: CallOptions = {};

/**
 * A function named by its module and export, which any thread can look up. Make it
 * with {@linkcode moduleFunction} or {@linkcode moduleFunctions}.
 *
 * @typeParam F The type of the function.
 */
export class ModuleFunction<F extends AnyFunction = AnyFunction> {
  /** The URL of the module. */
  readonly module: string;
  /** The name of the export. */
  readonly name: string;
  /** How it is called. */
  readonly options: CallOptions;
  /**
   * Values of context variables that travel along.
   *
   * @internal
   */
  readonly _context: Readonly<Record<string, unknown>> | null;
  /** @internal */
  declare readonly _type: F;

  /** @internal */
  constructor(
    module: string,
    name: string,
    options: CallOptions,
    context: Readonly<Record<string, unknown>> | null,
  ) {
    this.module = module;
    this.name = name;
    this.options = options;
    this._context = context;
  }

  /**
   * The same function, called in another way.
   *
   * @param options See {@linkcode CallOptions}.
   * @returns It, with the options.
   *
   * @example A call that ends after a second at the latest
   * ```ts
   * import { moduleFunction } from "@x/asyncio";
   *
   * export function fib(n: number): number {
   *   return n < 2 ? n : fib(n - 1) + fib(n - 2);
   * }
   * const bounded = moduleFunction(import.meta.url, fib)
   *   .withOptions({ signal: AbortSignal.timeout(1000) });
   * console.log(bounded.name); // fib
   * ```
   */
  withOptions(options: CallOptions): ModuleFunction<F> {
    const { signal } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError(
        `Cannot call ${this.name}() with a signal: an AbortSignal is needed`,
      );
    }
    return new ModuleFunction(
      this.module,
      this.name,
      { ...this.options, ...options },
      this._context,
    );
  }

  /** @internal */
  _withContext(
    context: Readonly<Record<string, unknown>> | null,
  ): ModuleFunction<F> {
    return context === null
      ? this
      : new ModuleFunction(this.module, this.name, this.options, context);
  }

  /** Shows the export and the module. */
  toString(): string {
    return `<ModuleFunction ${this.name} of ${this.module}>`;
  }
}

/**
 * The functions that a module exports, as seen from another thread. What else it
 * exports is `unknown` here.
 */
export type ModuleFunctions<M extends object> = {
  readonly [
    // Exports are not sorted out by name: a module may refer to its own type.
    K in keyof M
  ]: M[K] extends AnyFunction ? ModuleFunction<M[K]>
    : unknown;
};

function absolute(url: string | URL, what: string): string {
  try {
    return new URL(url).href;
  } catch {
    throw new TypeError(
      `Cannot name ${what} of '${url}': an absolute URL is needed, such as ` +
        "import.meta.url, or new URL('./heavy.ts', import.meta.url)",
    );
  }
}

/**
 * Names a function that a module exports, so that another thread can call it.
 *
 * The other thread loads the module for itself: what the module does when loaded is
 * done there, too, and its variables are other variables. So a module that is also
 * the main program should start that under `if (import.meta.main)`. In an application
 * that a bundler makes for browsers see `@x/asyncio/worker`.
 *
 * @param module The URL of the module; `import.meta.url` for this one.
 * @param fn The function, exported under its own name; or the name of the export, and
 * then the type of the function as a type argument.
 * @returns What `toThread`, `runInExecutor` and their like take.
 * @throws TypeError If the URL is not absolute, or the function has no name.
 *
 * @example
 * ```ts
 * import { moduleFunction, run, toThread } from "@x/asyncio";
 *
 * export function fib(n: number): number {
 *   return n < 2 ? n : fib(n - 1) + fib(n - 2);
 * }
 *
 * if (import.meta.main) {
 *   await run(async () => {
 *     const work = moduleFunction(import.meta.url, fib);
 *     console.log(await toThread(work, 20)); // 6765
 *   });
 * }
 * ```
 */
export function moduleFunction<F extends AnyFunction>(
  module: string | URL,
  fn: F | string,
): ModuleFunction<F> {
  const given = typeof fn === "function" ? fn : null;
  const name = given === null ? fn as string : given.name;
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      "Cannot name a function for other threads: a function with a name, or the " +
        `name of an export, is needed, got ${
          given === null ? typeof fn : "one without"
        }`,
    );
  }
  const url = absolute(module, `${name}()`);
  if (given !== null) here.set(keyOf(url, name), given as never);
  return new ModuleFunction<F>(url, name, NO_OPTIONS, null);
}

/** Functions that were named in this thread by themselves. */
const here = new Map<string, (...args: unknown[]) => unknown>();

/** A URL has no space. */
function keyOf(url: string, name: string): string {
  return `${url} ${name}`;
}

/** A function that was named in this thread by itself, or undefined. */
export function functionHere(
  url: string,
  name: string,
): ((...args: unknown[]) => unknown) | undefined {
  return here.get(keyOf(url, name));
}

/**
 * Names the functions that a module exports, without loading it in this thread.
 *
 * @typeParam M The module: `typeof import("./heavy.ts")`.
 * @param module Its URL: `new URL("./heavy.ts", import.meta.url)`.
 * @returns An object that has, under each export's name, what `toThread`,
 * `runInExecutor` and their like take.
 * @throws TypeError If the URL is not absolute.
 *
 * @example
 * ```ts
 * import { moduleFunctions } from "@x/asyncio";
 *
 * interface Heavy {
 *   fib(n: number): number;
 * }
 * // Instead of Heavy: typeof import("./heavy.ts")
 * const heavy = moduleFunctions<Heavy>(new URL("file:///srv/heavy.ts"));
 * console.log(String(heavy.fib)); // <ModuleFunction fib of file:///srv/heavy.ts>
 * // await toThread(heavy.fib, 40) is a number.
 * ```
 */
export function moduleFunctions<M extends object>(
  module: string | URL,
): ModuleFunctions<M> {
  const url = absolute(module, "the functions");
  const made = new Map<string, ModuleFunction>();
  return new Proxy(Object.freeze({}), {
    get(_, name) {
      // Whoever awaits or prints it asks for these.
      if (typeof name !== "string" || name === "then" || name === "toJSON") {
        return undefined;
      }
      let fn = made.get(name);
      if (fn === undefined) {
        fn = new ModuleFunction(url, name, NO_OPTIONS, null);
        made.set(name, fn);
      }
      return fn;
    },
  }) as ModuleFunctions<M>;
}
