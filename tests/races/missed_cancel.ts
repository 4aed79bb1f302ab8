/** A `finally` waits before it gives back, and may be cancelled while it does. */
import {
  CancelledError,
  createTask,
  Semaphore,
  shield,
  sleep,
  type Task,
} from "../../mod.ts";
import type { Race } from "./types.ts";

async function check(giveBack: (seats: Semaphore) => Promise<void>) {
  const seats = new Semaphore(1);
  const guest: Task<void> = createTask(async () => {
    await seats.acquire();
    try {
      await sleep(1);
    } finally {
      await giveBack(seats);
    }
  });
  // Asks the guest to leave, who is about to be gone.
  await createTask(async () => {
    await sleep(1.25);
    await sleep(0.25);
    guest.cancel();
  });
  try {
    await guest;
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
  }
  await sleep(1);
  if (seats.locked()) throw new Error("the seat was never given back");
}

export const race: Race = {
  name: "missed cancel in a finally",
  planted: () =>
    check(async (seats) => {
      await sleep(0.5);
      seats.release();
    }),
  corrected: () =>
    check(async (seats) => {
      const leaving = createTask(async () => {
        await sleep(0.5);
        seats.release();
      });
      await shield(leaving);
    }),
};
