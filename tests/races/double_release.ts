/** A worker and its supervisor both free a slot, the one unaware of the other. */
import { BoundedSemaphore, createTask, sleep } from "../../mod.ts";
import type { Race } from "./types.ts";

class Slot {
  readonly #pool: BoundedSemaphore;
  #held = true;

  constructor(pool: BoundedSemaphore) {
    this.#pool = pool;
  }

  async freeLate(): Promise<void> {
    if (!this.#held) return;
    // Something is told before the slot is marked as free.
    await sleep(0);
    this.#held = false;
    this.#pool.release();
  }

  async free(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await sleep(0);
    this.#pool.release();
  }
}

async function check(free: (slot: Slot) => Promise<void>) {
  const pool = new BoundedSemaphore(1);
  await pool.acquire();
  const slot = new Slot(pool);
  const worker = createTask(async () => {
    await sleep(1);
    await free(slot);
  });
  const supervisor = createTask(async () => {
    await sleep(0.5);
    await sleep(0.5);
    await sleep(0);
    await free(slot);
  });
  await worker;
  await supervisor;
}

export const race: Race = {
  name: "double release",
  planted: () => check((slot) => slot.freeLate()),
  corrected: () => check((slot) => slot.free()),
};
