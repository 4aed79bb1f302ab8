/** Deep equality by the rules that @std/assert documents for `equal`. */

type Obj = Record<PropertyKey, unknown>;

/**
 * What one version of @std compares in some way, and the next in another. A
 * test that passes here must pass with the real package, so they are refused.
 */
const REFUSED = [WeakMap, WeakSet, Promise, Error] as const;

/**
 * Whether two values are deeply equal: the same prototype, the same own keys
 * (symbols too, undefined values too) with equal values. Sets and maps compare
 * without order, and 0 equals -0.
 *
 * @throws {TypeError} for two values that have no contents to compare: errors,
 * promises, functions, weak collections.
 */
export function equal(a: unknown, b: unknown): boolean {
  return same(a, b, new Map());
}

function same(a: unknown, b: unknown, seen: Map<object, object>): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a === "function" && typeof b === "function") refuse("function");
  if (!isObject(a) || !isObject(b)) return false;
  if (!samePrototype(a, b)) return false;
  for (const kind of REFUSED) {
    if (a instanceof kind && b instanceof kind) refuse(kind.name);
  }
  // A pair that is already being compared further out is a circle: equal
  // unless the rest of the comparison finds a difference.
  if (seen.get(a) === b) return true;
  seen.set(a, b);

  if (a instanceof Date && b instanceof Date) {
    return Object.is(a.getTime(), b.getTime());
  }
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof WeakRef && b instanceof WeakRef) {
    return same(a.deref(), b.deref(), seen);
  }
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return same(new Uint8Array(a), new Uint8Array(b), seen);
  }
  if (a instanceof Set && b instanceof Set) {
    return sameMembers([...a], [...b], seen);
  }
  if (a instanceof Map && b instanceof Map) {
    return sameMembers([...a], [...b], seen);
  }
  return sameProperties(a, b, seen);
}

function refuse(what: string): never {
  throw new TypeError(
    `Cannot compare two values of type ${what}: compare what they hold`,
  );
}

function isObject(value: unknown): value is Obj {
  return typeof value === "object" && value !== null;
}

/** A null prototype counts as that of a plain object. */
function samePrototype(a: object, b: object): boolean {
  const of = (value: object) =>
    Object.getPrototypeOf(value) ?? Object.prototype;
  return of(a) === of(b);
}

/** Whether each member of one list has its own equal in the other. */
function sameMembers(
  a: readonly unknown[],
  b: readonly unknown[],
  seen: Map<object, object>,
): boolean {
  if (a.length !== b.length) return false;
  const rest = [...b];
  return a.every((member) => {
    // A failed attempt must not leave its pairs behind as if they were equal.
    const i = rest.findIndex((other) => same(member, other, new Map(seen)));
    if (i < 0) return false;
    rest.splice(i, 1);
    return true;
  });
}

function sameProperties(
  a: Obj,
  b: Obj,
  seen: Map<object, object>,
): boolean {
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) {
    return false;
  }
  const keys = Reflect.ownKeys(a);
  if (keys.length !== Reflect.ownKeys(b).length) return false;
  return keys.every((key) =>
    Object.hasOwn(b, key) && same(a[key], b[key], seen)
  );
}
