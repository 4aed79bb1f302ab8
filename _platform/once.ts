/**
 * Makes something when it is first asked for: capabilities that load modules of the
 * runtime would take longer at the start than all of this library.
 *
 * @param make Makes it.
 * @returns Gives it, the same each time.
 */
export function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}
