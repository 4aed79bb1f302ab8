/**
 * The same seed gives the same trace on every runtime: of a program that uses much of
 * the library, under many seeds. What is compared are digests, recorded on one of the
 * runtimes. Whoever changes them for good raises the version of the seeds.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  Condition,
  type Coro,
  createTask,
  Event,
  Lock,
  openConnection,
  Queue,
  sleep,
  startServer,
  TaskGroup,
  timeout,
  TimeoutError,
  wait,
} from "../mod.ts";
import { explore, runTest, type TestScope } from "../testing.ts";
import { RACES } from "./races/mod.ts";

const SEEDS = 100;

async function locks(): Promise<void> {
  const lock = new Lock();
  const condition = new Condition();
  const event = new Event();
  let ready = 0;
  const asynchronous = async (n: number) => {
    await sleep(n % 2);
    await lock.with(() => sleep(0.5));
    await condition.with(async () => {
      ready++;
      condition.notify(2);
      await condition.waitFor(() => ready === 6);
      condition.notifyAll();
    });
    event.set();
  };
  const generating = function* (n: number): Coro<void> {
    yield* sleep(n % 2);
    yield* lock.acquire();
    lock.release();
    yield* condition.acquire();
    ready++;
    condition.notifyAll();
    condition.release();
    yield* event.wait();
    try {
      yield* timeout(0.25).with(() => sleep(n));
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  };
  await new TaskGroup().with((group) => {
    for (let n = 0; n < 3; n++) {
      group.createTask(() => asynchronous(n), { name: `a${n}` });
      group.createTask(generating(n), { name: `g${n}` });
    }
  });
}

async function messages({ network }: TestScope): Promise<void> {
  network.configure({ latency: [0.01, 0.02], loss: 0.1 });
  const queue = new Queue<string>(2);
  const server = await startServer(
    async (reader, writer) => {
      for await (const line of reader) {
        await queue.put(new TextDecoder().decode(line));
      }
      writer.close();
      await writer.waitClosed();
    },
    "10.0.0.2",
    80,
  );
  const clients = ["x", "y"].map((name) =>
    createTask(async () => {
      const [, writer] = await openConnection("10.0.0.2", 80);
      for (let i = 0; i < 4; i++) {
        writer.write(new TextEncoder().encode(`${name}${i}\n`));
        await sleep(i % 2 ? 0 : 0.015);
      }
      writer.close();
      await writer.waitClosed();
    }, { name })
  );
  for (let i = 0; i < 8; i++) await queue.get();
  await wait(clients);
  await sleep(60);
  server.close();
  await server.waitClosed();
}

/** A digest of lines: FNV-1a. */
function digest(lines: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const char of lines.join("\n")) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  }
  return hash >>> 0;
}

async function traces(
  body: (test: TestScope) => Promise<void>,
): Promise<string[]> {
  const all: string[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const trace: string[] = [];
    await runTest(body, { seed, trace });
    // Callbacks are named after functions of the library, which may change.
    all.push(trace.filter((line) => line.startsWith("task ")).join("\n"));
  }
  return all;
}

/** What was recorded. */
const RECORDED = {
  locks: 494018353,
  messages: 3633043528,
  searches: 212956221,
};

describe("The same seed", () => {
  for (const [name, body] of Object.entries({ locks, messages })) {
    it(`gives the traces that were recorded, of ${name}`, async () => {
      const seen = await traces(body);
      // Most seeds have an order of their own.
      assert(new Set(seen).size > SEEDS / 2);
      assertEquals(digest(seen), RECORDED[name as keyof typeof RECORDED]);
    });
  }

  it("finds the failures that were recorded", async () => {
    const found: string[] = [];
    for (const { planted } of RACES) {
      for (let seed = 0; seed < 10; seed++) {
        const error = await explore(planted, { seed }).then(
          () => null,
          (e) => e,
        );
        found.push(error.seed, ...error.schedule);
      }
    }
    assertEquals(digest(found), RECORDED.searches);
  });
});
