/**
 * What no seed may change: nobody overtakes where waiting has an order, and what one
 * source sends one target comes in order. Random programs, each under a seed of its
 * own, and one program under the schedules of a search.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  BoundedSemaphore,
  CancelledError,
  CapacityLimiter,
  Condition,
  createTask,
  gather,
  getRunningLoop,
  Lock,
  openConnection,
  Queue,
  Semaphore,
  sleep,
  startServer,
  type Task,
} from "../mod.ts";
import { explore, Random, runTest, type TestScope } from "../testing.ts";

/** How many seeds. */
const SEEDS = 300;

/** Those who wait at one gate, in the order in which they came. */
class Line {
  readonly #name: string;
  readonly #waiting: Task<unknown>[] = [];
  /** How many had to wait and were let through. */
  waits = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Goes through the gate, which may let nobody through who came later; false where
   * it gave up.
   */
  async pass(
    task: Task<unknown>,
    enter: () => PromiseLike<unknown>,
  ): Promise<boolean> {
    this.#waiting.push(task);
    const stood = this.#waiting.length > 1;
    try {
      await enter();
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      task.uncancel();
      return false;
    }
    assert(this.#waiting[0] === task, `${this.#name}: somebody was overtaken`);
    this.#waiting.shift();
    if (stood) this.waits++;
    return true;
  }

  /** Somebody who waits gives up from now on; false where nobody does. */
  giveUp(choice: number): boolean {
    const [task] = this.#waiting.splice(choice % 3, 1);
    return task?.cancel() ?? false;
  }
}

/** Checks that the numbers of each source only rise. */
class Inbox {
  readonly #last: Map<string, number> = new Map();
  count = 0;

  take(source: string, number: number): void {
    const last = this.#last.get(source) ?? -1;
    assert(number > last, `${source}: ${number} came after ${last}`);
    this.#last.set(source, number);
    this.count++;
  }
}

/** Sleeps that often end together. */
const SLEEPS = [0, 0, 0.25, 0.5, 0.5];

/** What was seen in all runs: a test of nothing would pass, too. */
const seen = { waits: 0, gaveUp: 0, messages: 0 };

/** A program of its own for each number. */
function program(number: number): () => Promise<void> {
  return async () => {
    const random = new Random(number);
    const loop = getRunningLoop();
    const gates = {
      lock: new Lock(),
      semaphore: new Semaphore(2),
      bounded: new BoundedSemaphore(1),
      limiter: new CapacityLimiter(1),
    };
    const names = Object.keys(gates) as (keyof typeof gates)[];
    const lines = names.map((name) => new Line(name));
    const queues = [
      new Queue<[string, number]>(),
      new Queue<[string, number]>(1),
    ];
    const inboxes = [new Inbox(), new Inbox(), new Inbox()];
    const condition = new Condition();
    const circle = new Line("condition");
    let inCircle = 0;

    const worker = (name: string, script: readonly number[]) => {
      const task: Task<void> = createTask(async () => {
        let sent = 0;
        for (const [i, what] of script.entries()) {
          await sleep(SLEEPS[what % SLEEPS.length]!);
          if (what < 60) {
            const gate = gates[names[what % names.length]!];
            const line = lines[what % names.length]!;
            if (!await line.pass(task, () => gate.acquire())) continue;
            await sleep(SLEEPS[i % SLEEPS.length]!);
            gate.release();
          } else if (what < 75) {
            await queues[what % 2]!.put([name, sent++]);
          } else if (what < 90) {
            for (const mine of [sent++, sent++]) {
              loop.callSoon(() => inboxes[2]!.take(name, mine));
            }
          } else {
            await condition.with(async () => {
              inCircle++;
              await circle.pass(task, () => condition.wait());
              inCircle--;
            });
          }
        }
      }, { name });
      return task;
    };
    const scripts = Array.from(
      { length: 6 },
      () => Array.from({ length: 12 }, () => random.integer(100)),
    );
    const workers = scripts.map((script, i) => worker(`w${i}`, script));
    const readers = queues.flatMap((queue, i) =>
      [0, 1].map(() =>
        createTask(async () => {
          for (;;) {
            const [source, number] = await queue.get();
            inboxes[i]!.take(source, number);
            queue.taskDone();
          }
        })
      )
    );
    const notifier = createTask(async () => {
      for (let i = 0;; i++) {
        await sleep(0.5);
        if (inCircle > 0) {
          await condition.with(() => condition.notify(1 + i % 2));
        }
      }
    });
    const chances = Array.from({ length: 8 }, () => random.integer(100));
    for (const chance of chances) {
      await sleep(0.25);
      if (lines[chance % lines.length]!.giveUp(chance)) seen.gaveUp++;
    }
    await gather(workers);
    for (const queue of queues) await queue.join();
    for (const task of [...readers, notifier]) task.cancel();
    for (const task of [...readers, notifier]) await task.then(null, () => {});
    for (const line of [...lines, circle]) seen.waits += line.waits;
    for (const inbox of inboxes) seen.messages += inbox.count;
  };
}

const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** Three clients whose lines a server notes, on a network that delays each piece. */
async function conversation({ network }: TestScope): Promise<void> {
  network.configure({ latency: [0, 0.05], loss: 0.1 });
  const inbox = new Inbox();
  const server = await startServer(
    async (reader, writer) => {
      for await (const line of reader) {
        const [source, number] = text(line).split(" ");
        inbox.take(source!, Number(number));
      }
      writer.close();
      await writer.waitClosed();
    },
    "10.0.0.2",
    80,
  );
  const client = (name: string) => async () => {
    const [, writer] = await openConnection("10.0.0.2", 80);
    for (let i = 0; i < 10; i++) {
      writer.write(new TextEncoder().encode(`${name} ${i}\n`));
      if (i % 3 === 0) await writer.drain();
      if (i % 4 === 0) await sleep(0.01);
    }
    writer.close();
    await writer.waitClosed();
  };
  await gather(["a", "b", "c"].map(client));
  await sleep(60);
  assertEquals(inbox.count, 30);
  server.close();
  await server.waitClosed();
}

describe("No seed", () => {
  it(
    `lets anybody overtake, in ${SEEDS} random programs`,
    { timeout: 30_000 },
    async () => {
      for (let seed = 0; seed < SEEDS; seed++) {
        try {
          await runTest(program(seed), { seed });
        } catch (error) {
          throw new Error(`program and seed ${seed}`, { cause: error });
        }
      }
      assert(seen.waits > 5 * SEEDS, `only ${seen.waits} waits`);
      assert(seen.gaveUp > SEEDS / 4, `only ${seen.gaveUp} gave up`);
      assert(seen.messages > 20 * SEEDS, `only ${seen.messages} messages`);
    },
  );

  it("lets anybody overtake, in the schedules of a search", {
    timeout: 30_000,
  }, async () => {
    const { runs } = await explore(program(7), { runs: SEEDS });
    assertEquals(runs, SEEDS);
  });

  it(
    "lets a stream's bytes overtake each other",
    { timeout: 30_000 },
    async () => {
      for (let seed = 0; seed < SEEDS; seed++) {
        await runTest(conversation, { seed });
      }
    },
  );
});
