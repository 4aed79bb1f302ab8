/** Values of context variables around a call. */

/** Calls a function in some way. */
export type Invoke = (fn: () => unknown) => unknown;

/**
 * What sets the values that travelled with a call around it. Its code is loaded by the
 * first call that has some: most workers never need it.
 */
export async function within(
  context: Record<string, unknown>,
): Promise<Invoke> {
  const { _runWithValues } = await import("../contextvars.ts");
  return (fn) => _runWithValues(context, fn);
}
