/** Running the garbage collector when a test wants it. */

/**
 * The runtime's own way to run the collector at once.
 *
 * @throws Where there is none, as in a browser.
 */
export async function collector(): Promise<() => void> {
  const bun = (globalThis as { Bun?: { gc(now: boolean): void } }).Bun;
  if (bun !== undefined) return () => bun.gc(true);
  // V8 hands it out to contexts that are made after the flag was set; mere
  // allocation leaves V8 the choice, and it may choose not to for seconds.
  const v8 = await import("node:v8");
  const vm = await import("node:vm");
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc");
}
