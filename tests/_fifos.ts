/** FIFOs in a folder of their own. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Some FIFOs, and what removes them. */
export interface Fifos extends Disposable {
  readonly folder: string;
  readonly paths: readonly string[];
}

/** Makes FIFOs. */
export function fifos(count: number): Fifos {
  const folder = mkdtempSync(join(tmpdir(), "fifo-"));
  const paths = Array.from({ length: count }, (_, i) => join(folder, `f${i}`));
  if (count > 0) {
    const { status, stderr } = spawnSync("mkfifo", paths, { encoding: "utf8" });
    if (status !== 0) throw new Error(`mkfifo: ${stderr}`);
  }
  return {
    folder,
    paths,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
