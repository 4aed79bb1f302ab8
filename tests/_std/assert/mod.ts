/**
 * A stand-in for the part of @std/assert that the tests use, for machines that
 * cannot reach JSR. Written from the package's documentation; where the two
 * might differ this one is the stricter, so that what passes here passes there.
 *
 * @module
 */
import { equal } from "./equal.ts";

export { equal };

/** What a failed assertion throws. */
export class AssertionError extends Error {
  /** Makes one with a message and perhaps a cause. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** A value that `if` would not take. */
export type Falsy = false | 0 | 0n | "" | null | undefined;
/** A class, abstract or not. */
export type AnyConstructor = abstract new (...args: never[]) => unknown;
/** A class of errors. */
export type ErrorClass<E extends Error> = abstract new (
  ...args: never[]
) => E;

/** Text for a value in a message. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Map) return `Map(${show([...value])})`;
  if (value instanceof Set) return `Set(${show([...value])})`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(
      value,
      (_key, v) => typeof v === "bigint" ? `${v}n` : v,
    ) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Throws with the text, followed by what the caller has to say. */
function failWith(text: string, msg: string | undefined): never {
  throw new AssertionError(msg ? `${text}: ${msg}` : text);
}

/** Asserts that a value is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Asserts that a value is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Asserts deep equality. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  failWith(
    `Values are not equal: actual ${show(actual)}, expected ${show(expected)}`,
    msg,
  );
}

/** Asserts that two values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  failWith(`Values are equal: ${show(actual)}`, msg);
}

/** Asserts that two values are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  failWith(
    `Values are not the same: actual ${show(actual)}, expected ${
      show(expected)
    }`,
    msg,
  );
}

/** Asserts that two values are not the same by `Object.is`. */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!Object.is(actual, expected)) return;
  failWith(`Values are the same: ${show(actual)}`, msg);
}

/** Asserts that a value is neither null nor undefined. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    failWith(`Value does not exist: ${show(actual)}`, msg);
  }
}

/** Asserts that a value is an instance of a class. */
export function assertInstanceOf<C extends AnyConstructor>(
  actual: unknown,
  expectedType: C,
  msg = "",
): asserts actual is InstanceType<C> {
  if (actual instanceof expectedType) return;
  failWith(`${show(actual)} is no instance of ${expectedType.name}`, msg);
}

/** Asserts that a string matches a regular expression. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) return;
  failWith(`${show(actual)} does not match ${expected}`, msg);
}

/** Asserts that a string contains another. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  failWith(`${show(actual)} does not contain ${show(expected)}`, msg);
}

/** Asserts that a list has an equal of each expected element. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  const elements = Array.from(actual);
  const lacking = Array.from(expected).filter((wanted) =>
    !elements.some((element) => equal(element, wanted))
  );
  if (lacking.length === 0) return;
  failWith(`${show(actual)} lacks ${show(lacking)}`, msg);
}

/** Asserts actual > expected. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  failWith(`Expected ${show(actual)} > ${show(expected)}`, msg);
}

/** Asserts actual >= expected. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (actual >= expected) return;
  failWith(`Expected ${show(actual)} >= ${show(expected)}`, msg);
}

/** Asserts actual < expected. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  failWith(`Expected ${show(actual)} < ${show(expected)}`, msg);
}

/** Asserts actual <= expected. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (actual <= expected) return;
  failWith(`Expected ${show(actual)} <= ${show(expected)}`, msg);
}

/**
 * Asserts that two numbers are within a tolerance of each other: unless told, a
 * ten-millionth of the expected one.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const limit = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(actual - expected) <= limit) return;
  failWith(`Expected ${actual} within ${limit} of ${expected}`, msg);
}

/**
 * Asserts that an object has the properties of another, nested plain objects in
 * the same way. Everything else that is nested has to be equal as a whole.
 */
export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (matches(actual, expected)) return;
  failWith(`${show(actual)} does not match ${show(expected)}`, msg);
}

function isPlain(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

function matches(
  actual: object,
  expected: Record<PropertyKey, unknown>,
): boolean {
  return Reflect.ownKeys(expected).every((key) => {
    if (!Object.hasOwn(actual, key)) return false;
    const value = (actual as Record<PropertyKey, unknown>)[key];
    const wanted = expected[key];
    return isPlain(value) && isPlain(wanted)
      ? matches(value, wanted)
      : equal(value, wanted);
  });
}

/** The arguments after the function of assertThrows and assertRejects. */
type Expectation<E extends Error> = [
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
];

/** Checks what was thrown against what the caller expects. */
function checkThrown<E extends Error>(
  error: unknown,
  [expected, msgIncludes, msg]: Expectation<E>,
): unknown {
  if (typeof expected !== "function") return error;
  if (!(error instanceof Error)) {
    failWith(`Thrown was ${show(error)}, which is no Error`, msg);
  }
  if (!(error instanceof expected)) {
    const what = `Thrown was ${show(error)}`;
    failWith(`${what}, which is no ${expected.name}`, msg);
  }
  if (msgIncludes && !error.message.includes(msgIncludes)) {
    failWith(
      `The message ${show(error.message)} does not contain ${
        show(msgIncludes)
      }`,
      msg,
    );
  }
  return error;
}

function ownMessage(args: Expectation<Error>): string | undefined {
  return typeof args[0] === "string" ? args[0] : args[2];
}

/** Asserts that a function throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that a function throws an error of a class; returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  ...args: Expectation<E>
): unknown {
  try {
    fn();
  } catch (error) {
    return checkThrown(error, args);
  }
  failWith("Expected function to throw", ownMessage(args));
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/** Asserts that a function's promise rejects; returns the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/**
 * Asserts that a function's promise rejects with an error of a class; returns
 * the error.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  ...args: Expectation<E>
): Promise<unknown> {
  let promise: unknown;
  try {
    promise = fn();
  } catch (error) {
    failWith(
      `Function throws ${show(error)} when expected to reject`,
      ownMessage(args),
    );
  }
  if (isPromiseLike(promise)) {
    try {
      await promise;
    } catch (error) {
      return checkThrown(error, args);
    }
  }
  failWith("Expected function to reject", ownMessage(args));
}

/** Fails. */
export function fail(msg?: string): never {
  failWith("Failed assertion", msg);
}

/** Fails, for a place that must never be reached. */
export function unreachable(reason?: string): never {
  failWith("Unreachable", reason);
}
