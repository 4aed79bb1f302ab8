/** What the workers of the leak test do; it imports nothing, to start soon. */

export async function round(kind: number): Promise<number> {
  if (kind === 0) return kind;
  if (kind === 1) {
    setTimeout(() => {
      throw new RangeError("crashed");
    });
    await new Promise(() => {});
  }
  if (kind === 2) {
    (globalThis as unknown as { process: { exit(code: number): void } })
      .process.exit(1);
  }
  if (kind === 3) {
    const end = performance.now() + 20;
    while (performance.now() < end);
  }
  if (kind === 4) throw new RangeError("failed");
  if (kind === 5) await new Promise(() => {});
  return kind;
}
