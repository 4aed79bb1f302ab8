/** What a test leaves open fails it. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  BaseProtocol,
  createSubprocessExec,
  createTask,
  DatagramProtocol,
  getRunningLoop,
  openConnection,
  openPipes,
  PIPE,
  Protocol,
  sleep,
  startServer,
  startUnixServer,
} from "../mod.ts";
import {
  LeakError,
  memoryTransportPair,
  runTest,
  type TestBody,
  type TestOptions,
} from "../testing.ts";

async function leaks(
  body: TestBody<unknown>,
  options?: TestOptions,
): Promise<readonly string[]> {
  const error = await runTest(body, options).then(() => null, (e) => e);
  if (error === null) return [];
  assert(error instanceof LeakError, String(error));
  return error.leaks;
}

describe("The end of runTest()", () => {
  it("names each task that is left, and where it was made", async () => {
    const left = await leaks(async () => {
      createTask(() => sleep(60), { name: "left" });
      await sleep(1);
    });
    assertEquals(left.length, 1);
    assertStringIncludes(left[0]!, "task 'left'");
    assertStringIncludes(left[0]!, "testing_leaks_test.ts:");
  });

  it("names each timer that is left, and where it was made", async () => {
    const left = await leaks(async () => {
      const loop = getRunningLoop();
      loop.callLater(1, function fired() {});
      loop.callLater(7, function pending() {});
      loop.callLater(8, function given() {}).cancel();
      await sleep(2);
    });
    assertEquals(left.length, 1);
    assertStringIncludes(left[0]!, "pending");
    assertStringIncludes(left[0]!, "due at 7 s");
    assertStringIncludes(left[0]!, "testing_leaks_test.ts:");
  });

  it("names servers and connections, and where they were made", async () => {
    const left = await leaks(async () => {
      await startServer(() => {}, "127.0.0.1", 80);
      await openConnection("127.0.0.1", 80);
    });
    assertEquals(left.length, 3);
    assertStringIncludes(left.join("\n"), "still serves");
    assertStringIncludes(left.join("\n"), "127.0.0.1:80");
    for (const line of left) {
      assertStringIncludes(line, "testing_leaks_test.ts:");
    }
  });

  it("names datagram sockets, pairs and Unix sockets", async () => {
    const left = await leaks(async ({ loop }) => {
      await loop.createDatagramEndpoint(
        () => new DatagramProtocol(),
        ["127.0.0.1", 53],
      );
      await memoryTransportPair(new Protocol(), new Protocol());
      await startUnixServer(() => {}, "/in/memory.sock");
    });
    assertEquals(left.length, 4);
    assertStringIncludes(left.join("\n"), "DatagramTransport 127.0.0.1:53");
    assertStringIncludes(left.join("\n"), "/in/memory.sock");
    for (const line of left) {
      assertStringIncludes(line, "testing_leaks_test.ts:");
    }
  });

  it("names pipes, and where they were made", async () => {
    const left = await leaks(async ({ loop }) => {
      const open = () => new ReadableStream<Uint8Array>();
      await loop.connectReadPipe(() => new Protocol(), open());
      await loop.connectWritePipe(
        () => new BaseProtocol(),
        new WritableStream<Uint8Array>(),
      );
      await openPipes(open(), new WritableStream<Uint8Array>());
    });
    assertEquals(left.length, 3);
    for (const line of left) {
      assertMatch(
        line,
        /^a PipeTransport is open, made .*testing_leaks_test.ts:/,
      );
    }
  });

  // The child outlives its test.
  it(
    "names child processes, and their pipes",
    { sanitize: false },
    async () => {
      const [child, ...others] = await leaks(async () => {
        await createSubprocessExec("sleep", "0.1");
      });
      assertMatch(
        child!,
        /^the process \d+ still runs.*testing_leaks_test.ts:/,
      );
      assertEquals(others, []);
      const [piped, ...pipes] = await leaks(async () => {
        await createSubprocessExec("sleep", "0.1", {
          stdin: PIPE,
          stdout: PIPE,
        });
      });
      assertMatch(
        piped!,
        /^the process \d+ still runs.*testing_leaks_test.ts:/,
      );
      assertEquals(pipes.length, 2);
      for (const line of pipes) {
        assertMatch(line, /^a PipeTransport is open.*testing_leaks_test.ts:/);
      }
    },
  );

  it("names executors that were not shut down", async () => {
    class Pool {
      submit(fn: () => unknown): Promise<unknown> {
        return Promise.resolve(fn());
      }
      shutdown() {}
    }
    const left = await leaks(async () => {
      const [open, closed] = [new Pool(), new Pool()];
      const loop = getRunningLoop();
      assertEquals(await loop.runInExecutor(open, () => 1), 1);
      await loop.runInExecutor(closed, () => 1);
      closed.shutdown();
    });
    assertEquals(left.length, 1);
    assertStringIncludes(left[0]!, "Pool was not shut down");
    assertStringIncludes(left[0]!, "testing_leaks_test.ts:");
  });

  it("tells errors that nobody retrieved", async () => {
    const left = await leaks(async () => {
      createTask(async () => {
        throw new Error("unheard");
      });
      await sleep(1);
    });
    assertEquals(left.length, 1);
    assertStringIncludes(left[0]!, "never retrieved");
    assertStringIncludes(left[0]!, "unheard");
  });

  it("tells errors of callbacks, unless the test takes them", async () => {
    const body = (take: boolean): TestBody<void> => async (test) => {
      test.loop.callSoon(() => {
        throw new Error("in a callback");
      });
      await sleep(1);
      if (take) assertEquals(test.messages().length, 1);
    };
    assertEquals((await leaks(body(false))).length, 1);
    assertEquals(await leaks(body(true)), []);
  });

  it("lets what is ready come to rest first", async () => {
    assertEquals(
      await leaks(async () => {
        createTask(async () => {
          await sleep(0);
          await sleep(0);
        });
      }),
      [],
    );
  });

  it("names a task that never comes to rest, without waiting for the time limit", async () => {
    const began = performance.now();
    const left = await leaks(async () => {
      createTask(async () => {
        for (;;) await sleep(0);
      }, { name: "restless" });
    }, { timeLimit: 60 });
    assertEquals(left.length, 1);
    assertStringIncludes(left[0]!, "task 'restless'");
    assert(performance.now() - began < 4000);
  });

  it("allows what it is told to allow", async () => {
    const body = async () => void createTask(() => sleep(60));
    assertEquals(await leaks(body, { leaks: false }), []);
    const kept: unknown[] = [];
    const shared = { submit: (fn: () => unknown) => Promise.resolve(fn()) };
    const executor = { ...shared, shutdown() {} };
    kept.push(executor);
    assertEquals(
      await leaks(async () => {
        await getRunningLoop().runInExecutor(executor, () => 1);
      }, { ignore: kept }),
      [],
    );
  });

  it("lets what it cancels clean up", async () => {
    const log: string[] = [];
    await leaks(async () => {
      createTask(async () => {
        try {
          await sleep(60);
        } finally {
          await sleep(1);
          log.push("cleaned");
        }
      });
      await sleep(1);
    });
    assertEquals(log, ["cleaned"]);
  });
});
