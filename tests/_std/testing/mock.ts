/**
 * A stand-in for the part of @std/testing/mock that the tests use, for machines
 * that cannot reach JSR. Written from the package's documentation.
 *
 * @module
 */
import {
  assertEquals,
  assertInstanceOf,
  AssertionError,
  assertStrictEquals,
  assertStringIncludes,
} from "../assert/mod.ts";

/** Misuse of a spy or stub. */
export class MockError extends Error {
  /** Makes one with a message. */
  constructor(message: string) {
    super(message);
    this.name = "MockError";
  }
}

/** One call of a spy. What did not happen has no key. */
export interface SpyCall<
  Self = unknown,
  Args extends unknown[] = unknown[],
  Return = unknown,
> {
  /** The arguments. */
  args: Args;
  /** What it returned. */
  returned?: Return;
  /** What it threw. */
  error?: Error;
  /** Its `this`. */
  self?: Self;
}

/** A function that records its calls. */
export interface Spy<
  Self = unknown,
  Args extends unknown[] = unknown[],
  Return = unknown,
> {
  (this: Self, ...args: Args): Return;
  /** What it calls, or what it took the place of. */
  original: (this: Self, ...args: Args) => Return;
  /** The calls so far. */
  calls: SpyCall<Self, Args, Return>[];
  /** Whether the original is back in its place. */
  restored: boolean;
  /** Puts the original back in its place. */
  restore(): void;
  /** Puts the original back in its place. */
  [Symbol.dispose](): void;
}
/** A spy that does something else than what it took the place of. */
export type Stub<
  Self = unknown,
  Args extends unknown[] = unknown[],
  Return = unknown,
> = Spy<Self, Args, Return> & {
  /** What it does instead. */
  fake: (this: Self, ...args: Args) => Return;
};

/** The arguments of a method. */
export type MethodArgs<Self, Key extends keyof Self> = Self[Key] extends
  (...args: infer Args extends unknown[]) => unknown ? Args : never;
/** The result of a method. */
export type MethodReturn<Self, Key extends keyof Self> = Self[Key] extends
  (...args: never[]) => infer Return ? Return : never;

// A type parameter cannot be told at run time what it stands for.
type Fn = (this: unknown, ...args: unknown[]) => unknown;

function record(original: Fn, body: Fn, restore: () => void): Spy {
  const spied = function (this: unknown, ...args: unknown[]): unknown {
    const call: SpyCall = { args };
    if (this !== undefined) call.self = this;
    try {
      call.returned = body.apply(this, args);
      return call.returned;
    } catch (error) {
      call.error = error as Error;
      throw error;
    } finally {
      result.calls.push(call);
    }
  };
  const undo = () => {
    if (result.restored) throw new MockError("The method is already restored");
    restore();
    result.restored = true;
  };
  const result: Spy = Object.assign(spied, {
    original,
    calls: [],
    restored: false,
    restore: undo,
    [Symbol.dispose]: undo,
  });
  return result;
}

function replaceMethod(
  object: object,
  key: PropertyKey,
  body?: Fn,
): Spy {
  const before = Object.getOwnPropertyDescriptor(object, key);
  const original: unknown = Reflect.get(object, key);
  if (typeof original !== "function") {
    throw new MockError(`Cannot spy on ${String(key)}: it is no method`);
  }
  if ("calls" in original && "restore" in original) {
    throw new MockError(`Cannot spy on ${String(key)}: it is a spy already`);
  }
  const spied = record(original as Fn, body ?? original as Fn, () => {
    if (before) Object.defineProperty(object, key, before);
    else Reflect.deleteProperty(object, key);
  });
  Object.defineProperty(object, key, {
    value: spied,
    configurable: true,
    enumerable: before?.enumerable ?? false,
    writable: true,
  });
  return spied;
}

/** Makes a function that records its calls and does nothing. */
export function spy<Self = unknown, Args extends unknown[] = unknown[]>(): Spy<
  Self,
  Args,
  void
>;
/** Makes a function that records its calls and passes them on. */
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
/** Records the calls of an object's method. */
export function spy<Self extends object, Key extends keyof Self>(
  self: Self,
  property: Key,
): Spy<Self, MethodArgs<Self, Key>, MethodReturn<Self, Key>>;
export function spy(target?: object, property?: PropertyKey): unknown {
  if (target !== undefined && property !== undefined) {
    return replaceMethod(target, property);
  }
  const original = (target ?? (() => {})) as Fn;
  return record(original, original, () => {
    throw new MockError("Cannot restore a function");
  });
}

/** Records the calls of an object's method and does something else instead. */
export function stub<Self extends object, Key extends keyof Self>(
  self: Self,
  property: Key,
  func?: (
    this: Self,
    ...args: MethodArgs<Self, Key>
  ) => MethodReturn<Self, Key>,
): Stub<Self, MethodArgs<Self, Key>, MethodReturn<Self, Key>> {
  const fake = (func ?? (() => undefined)) as unknown as Fn;
  const spied = replaceMethod(self, property, fake);
  return Object.assign(spied, { fake }) as unknown as Stub<
    Self,
    MethodArgs<Self, Key>,
    MethodReturn<Self, Key>
  >;
}

/** What has calls. */
export interface SpyLike<
  Self = unknown,
  Args extends unknown[] = unknown[],
  Return = unknown,
> {
  /** The calls so far. */
  calls: SpyCall<Self, Args, Return>[];
}

// The parameters of a spy of any kind; `never[]` would refuse its calls.
// deno-lint-ignore no-explicit-any
type AnySpy = SpyLike<any, any[], any>;

/** Asserts how often a spy was called. */
export function assertSpyCalls(spy: AnySpy, expectedCalls: number): void {
  const { length } = spy.calls;
  if (length === expectedCalls) return;
  throw new AssertionError(
    `Expected ${expectedCalls} calls of the spy: there were ${length}`,
  );
}

/** What a call is expected to be, as far as a test cares. */
export interface ExpectedSpyCall<
  Self = unknown,
  Args extends unknown[] = unknown[],
  Return = unknown,
> {
  /** The arguments. */
  args?: [...Args, ...unknown[]];
  /** The `this`. */
  self?: Self | null;
  /** What it returned. */
  returned?: Return;
  /** What it threw. */
  error?: {
    /** The error's class. */
    Class?: new (...args: never[]) => Error;
    /** What the error's message contains. */
    msgIncludes?: string;
  };
}

/** Asserts that a spy was called at an index, and how. */
export function assertSpyCall<Self, Args extends unknown[], Return>(
  spy: SpyLike<Self, Args, Return>,
  callIndex: number,
  expected: ExpectedSpyCall<Self, Args, Return> = {},
): void {
  const call = spy.calls[callIndex];
  if (!call) {
    throw new AssertionError(
      `Expected a call of the spy at ${callIndex}: there were ` +
        spy.calls.length,
    );
  }
  if ("returned" in expected && "error" in expected) {
    throw new TypeError("Cannot expect both a result and an error");
  }
  if (expected.args) assertEquals<unknown>(call.args, expected.args);
  if ("self" in expected) assertStrictEquals(call.self, expected.self);
  if ("returned" in expected) {
    if (call.error) {
      throw new AssertionError(`The call did not return: ${call.error}`);
    }
    assertEquals<unknown>(call.returned, expected.returned);
  }
  if (expected.error) {
    const { Class = Error, msgIncludes = "" } = expected.error;
    const error: unknown = call.error;
    assertInstanceOf(error, Class);
    assertStringIncludes(error.message, msgIncludes);
  }
}
