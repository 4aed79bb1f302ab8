/** Two withdrawals look at the balance, and wait before they take from it. */
import { createTask, gather, Lock, sleep } from "../../mod.ts";
import type { Race } from "./types.ts";

class Account {
  balance = 100;

  async withdraw(amount: number): Promise<void> {
    if (this.balance < amount) return;
    await sleep(0.5);
    this.balance -= amount;
  }
}

async function check(withdraw: (account: Account) => Promise<void>) {
  const account = new Account();
  const early = createTask(async () => {
    await sleep(0.5);
    await withdraw(account);
  });
  // Comes just as the early one goes on, and after it unless somebody swaps them.
  const late = createTask(async () => {
    await sleep(0.75);
    await sleep(0.25);
    await withdraw(account);
  });
  await gather([early, late]);
  if (account.balance < 0) throw new Error("overdrawn");
}

export const race: Race = {
  name: "check-then-act",
  planted: () => check((account) => account.withdraw(80)),
  corrected: () => {
    const lock = new Lock();
    return check(async (account) => {
      await lock.with(() => account.withdraw(80));
    });
  },
};
