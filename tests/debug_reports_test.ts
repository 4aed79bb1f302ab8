/** Debug mode: what it says about mistakes, and where. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "./_harness.ts";
import { capturedLog, type LogEntry, virtualLoop } from "./_loops.ts";
import {
  BaseEventLoop,
  CancelledError,
  type Coro,
  coroutine,
  createTask,
  type Executor,
  type Future,
  getRunningLoop,
  logger,
  type LogRecord,
  Protocol,
  run,
  type Server,
  sleep,
  SubprocessProtocol,
  type SubprocessTransport,
  TaskGroup,
  timeout,
  wait,
  waitFor,
  wrapFuture,
} from "../mod.ts";

const LINES = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n");

/** "file:line" of the line of this file that ends in a mark. */
function placeOf(mark: string): string {
  const at = LINES.findIndex((line) => line.endsWith(`// ${mark}`));
  assert(at >= 0, mark);
  return `debug_reports_test.ts:${at + 1}`;
}

/** What a program says that runs in a loop of its own. */
async function said(
  main: () => Promise<unknown>,
  options: { debug: boolean } = { debug: true },
): Promise<LogEntry[]> {
  const records: LogRecord[] = [];
  logger.setHandler((record) => void records.push(record));
  try {
    await run(main, options);
  } finally {
    logger.setHandler(null);
  }
  return records.map(({ level, message, exc }) => ({
    level,
    text: message,
    exc,
  }));
}

describe("debug mode", () => {
  it("tells of a coroutine that was never awaited, with where it was made", async () => {
    const work = coroutine(async () => {});
    const log = await said(async () => {
      work(); // forgotten
      await work();
      createTask(work());
      await sleep(0);
    });
    assertEquals(log.map(({ level }) => level), ["warning"]);
    assertMatch(
      log[0]!.text,
      /^coroutine '\(anonymous\)' was never awaited, created at /,
    );
    assertStringIncludes(log[0]!.text, placeOf("forgotten"));
  });

  it("tells of a sleep that was never awaited", async () => {
    const log = await said(async () => {
      sleep(1); // no sleep
      await sleep(0);
    });
    assertEquals(log.length, 1);
    assertStringIncludes(log[0]!.text, "coroutine 'sleep' was never awaited");
    assertStringIncludes(log[0]!.text, placeOf("no sleep"));
  });

  it("does not tell of a coroutine that is awaited late, or was closed", async () => {
    const log = await said(async () => {
      const late = sleep(0);
      const closed = sleep(1);
      await sleep(0.001);
      await sleep(0.001);
      await late;
      closed.close();
    });
    assertEquals(log, []);
  });

  it("tells of an exception that was never retrieved, with where its task was made", async () => {
    const error = new Error("lost");
    const log = await said(async () => {
      const main = async () => {
        throw error;
      };
      createTask(main); // failing
      await sleep(0);
      await sleep(0);
    });
    assertEquals(log.map(({ exc }) => exc), [error]);
    assertStringIncludes(log[0]!.text, "exception was never retrieved");
    assertStringIncludes(log[0]!.text, "created at (most recent call last)");
    assertStringIncludes(
      log[0]!.text,
      `line ${placeOf("failing").split(":")[1]}`,
    );
  });

  it("tells of a task that swallowed its cancellation", async () => {
    for (const debug of [true, false]) {
      const log = await said(async () => {
        const task = createTask(async () => {
          try {
            await sleep(9);
          } catch { /* swallowed */ }
        }, { name: "deaf" });
        await sleep(0);
        task.cancel();
        await task;
      }, { debug });
      if (!debug) assertEquals(log, []);
      else {
        assertEquals(log.length, 1);
        assertMatch(
          log[0]!.text,
          /^<Task .*'deaf'.*> was cancelled and returned all the same/,
        );
        assertStringIncludes(log[0]!.text, "debug_reports_test.ts:");
      }
    }
  });

  it("does not take a cancellation that was withdrawn for a swallowed one", async () => {
    const log = await said(async () => {
      await timeout(0.001).with(() => sleep(9)).then(null, () => {});
      await waitFor(sleep(9), 0.001).then(null, () => {});
      const task = createTask(function* (): Coro<void> {
        try {
          yield* sleep(9);
        } catch (error) {
          if (!(error instanceof CancelledError)) throw error;
          task.uncancel();
        }
      });
      await sleep(0);
      task.cancel();
      await task;
    });
    assertEquals(log, []);
  });

  it("tells of work given to a loop by what another loop runs, once a place", async () => {
    for (const debug of [true, false]) {
      const other = new BaseEventLoop();
      other.setDebug(debug);
      let future: Future<number> | undefined;
      const log = await said(async () => {
        for (let i = 0; i < 3; i++) other.callSoon(() => {}); // soon
        other.callLater(1, () => {}); // later
        future = other.createFuture<number>();
        future.addDoneCallback(() => {});
        getRunningLoop().callSoon(() => {
          future!.setResult(1); // settled
        });
        await sleep(0.001);
        other.callSoonThreadsafe(() => {});
      }, { debug });
      const texts = log.map(({ text }) => text);
      assertEquals(texts.length, debug ? 3 : 0, texts.join("\n"));
      if (debug) {
        for (const [i, mark] of ["soon", "later", "settled"].entries()) {
          assertMatch(texts[i]!, /^Non-thread-safe operation invoked on /);
          assertStringIncludes(texts[i]!, placeOf(mark));
        }
      }
      other.close();
    }
  });

  it("does not mind what the host brings to a loop while another runs", async () => {
    const { loop } = virtualLoop();
    loop.setDebug(true);
    let late: (value: number) => void = () => {};
    const promise = new Promise<number>((resolve) => void (late = resolve));
    let future: Future<number> | undefined;
    await loop.runUntilComplete(async () => {
      future = wrapFuture(promise);
      future.addDoneCallback(() => {});
    });
    const log = await said(async () => {
      setTimeout(() => late(1), 0);
      await sleep(0.01);
    });
    assertEquals(log, []);
    assertEquals(future!.result(), 1);
    loop.close();
  });

  it("names a coroutine of the library as the function that was called", async () => {
    const log = await said(async () => {
      const task = createTask(async () => {});
      wait([task]);
      new TaskGroup().with(async () => {});
      await task;
    });
    assertEquals(
      log.map(({ text }) => /'(.*?)'/.exec(text)![1]).toSorted(),
      ["wait", "with"],
    );
  });

  it("refuses callbacks that are coroutines", async () => {
    await run(async () => {
      const loop = getRunningLoop();
      assertThrows(
        () => loop.callSoon(async () => {}),
        TypeError,
        "coroutines cannot be used with callSoon()",
      );
    }, { debug: true });
  });

  it("tells of a server that was never closed, with where it was made", async () => {
    let server: Server | undefined;
    const log = await said(async () => {
      const loop = getRunningLoop();
      server = await loop.createServer(() => new Protocol(), "127.0.0.1", 0);
    });
    // The runtime's own listener is left open by whoever forgets it.
    server?.close();
    const found = log.filter(({ text }) => text.startsWith("unclosed <Server"));
    assertEquals(found.length, 1);
    assertStringIncludes(found[0]!.text, "created at");
    assertStringIncludes(found[0]!.text, "debug_reports_test.ts:");
  });

  it("tells of a transport that was never closed, with where it was made", async () => {
    const log = await said(async () => {
      const loop = getRunningLoop();
      const server = await loop.createServer(
        () => new Protocol(),
        "127.0.0.1",
        0,
      );
      const [, port] = server.sockets[0]!.getSockName() as [string, number];
      await loop.createConnection(() => new Protocol(), "127.0.0.1", port);
      server.close();
    });
    const found = log.filter(({ text }) =>
      text.startsWith("unclosed transport")
    );
    assert(found.length >= 1, JSON.stringify(log));
    // One was made here, the other accepted by a server that was.
    for (const { text } of found) {
      assertStringIncludes(text, "debug_reports_test.ts:");
    }
    assertEquals(
      found.filter(({ text }) => text.includes("accepted by a server")).length,
      1,
    );
  });

  it("tells of a process that was never closed, with where it was made", {
    sanitize: false,
  }, async () => {
    let child: SubprocessTransport | undefined;
    const log = await said(async () => {
      const loop = getRunningLoop();
      [child] = await loop.subprocessExec(
        () => new SubprocessProtocol(),
        "sleep",
        "5",
      );
    });
    child?.close();
    const found = log.filter(({ text }) =>
      text.startsWith("unclosed <") && text.includes("pid=")
    );
    assertEquals(found.length, 1, JSON.stringify(log));
    assertStringIncludes(found[0]!.text, "debug_reports_test.ts:");
    // Its pipes are part of it. A busy machine may have been slow, which is said, too.
    const unclosed = log.filter(({ text }) => text.startsWith("unclosed"));
    assertEquals(unclosed.length, 1, JSON.stringify(log));
  });

  it("says nothing of what was closed", async () => {
    const log = await said(async () => {
      const loop = getRunningLoop();
      const server = await loop.createServer(
        () => new Protocol(),
        "127.0.0.1",
        0,
      );
      const [, port] = server.sockets[0]!.getSockName() as [string, number];
      const [transport] = await loop.createConnection(
        () => new Protocol(),
        "127.0.0.1",
        port,
      );
      transport.close();
      server.close();
      await sleep(0.02);
    });
    const found = log.filter(({ text }) => text.startsWith("unclosed"));
    assertEquals(found, []);
  });

  it("tells of an executor that was never shut down", async () => {
    const { loop } = virtualLoop();
    loop.setDebug(true);
    const executor: Executor = {
      submit: (fn) => Promise.resolve(fn()),
      shutdown: () => {},
    };
    loop.setDefaultExecutor(executor); // executor
    const log = await capturedLog(() => loop.close());
    const texts = log.map(({ text }) => text);
    assertEquals(texts.length, 1);
    assertStringIncludes(texts[0]!, "unclosed default executor");
    assertStringIncludes(texts[0]!, placeOf("executor"));
  });

  it("says where things were made however many there are", async () => {
    const work = coroutine(async () => {});
    const log = await said(async () => {
      for (let i = 0; i < 5000; i++) createTask(work());
      await sleep(0);
      work();
      await sleep(0);
    });
    const found = log.filter(({ text }) => text.includes("never awaited"));
    assertEquals(found.length, 1);
    assertMatch(
      found[0]!.text,
      /created (at|like those at) .*debug_reports_test/,
    );
  });

  it("is over with the loop that has it", async () => {
    await said(async () => await sleep(0));
    const log = await said(async () => {
      sleep(1);
      await sleep(0);
    }, { debug: false });
    assertEquals(log, []);
  });
});
