/** Two transfers lock the same two accounts, each its own first. */
import { createTask, Lock, sleep } from "../../mod.ts";
import type { Race } from "./types.ts";

async function transfers(order: (from: Lock, to: Lock) => [Lock, Lock]) {
  const [a, b] = [new Lock(), new Lock()];
  const transfer = (from: Lock, to: Lock, ...waits: number[]) => async () => {
    for (const wait of waits) await sleep(wait);
    const [first, second] = order(from, to);
    await first.with(async () => {
      await sleep(0.5);
      await second.with(() => sleep(0));
    });
  };
  const one = createTask(transfer(a, b, 1), { name: "a to b" });
  const two = createTask(transfer(b, a, 1.25, 0.25), { name: "b to a" });
  await one;
  await two;
}

/** The same order for all, whatever the direction. */
const ranks = new WeakMap<Lock, number>();
let count = 0;

function rank(lock: Lock): number {
  let known = ranks.get(lock);
  if (known === undefined) ranks.set(lock, known = count++);
  return known;
}

export const race: Race = {
  name: "lock-order deadlock",
  planted: () => transfers((from, to) => [from, to]),
  corrected: () =>
    transfers((from, to) => rank(from) < rank(to) ? [from, to] : [to, from]),
};
