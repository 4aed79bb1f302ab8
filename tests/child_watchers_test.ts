/** The watchers of child processes, over children that the test ends, and real ones. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { children } from "../_platform/children.ts";
import { platform } from "../_platform/mod.ts";
import {
  type AbstractEventLoop,
  AbstractEventLoopPolicy,
  createSubprocessExec,
  getChildWatcher,
  getEventLoopPolicy,
  getRunningLoop,
  NotImplementedError,
  run,
  RuntimeError,
  setChildWatcher,
  setEventLoopPolicy,
  sleep,
} from "../mod.ts";
import {
  _UnixDefaultEventLoopPolicy,
  AbstractChildWatcher,
  BaseChildWatcher,
  canUsePidfd,
  type ChildCallback,
  FastChildWatcher,
  MultiLoopChildWatcher,
  PidfdChildWatcher,
  SafeChildWatcher,
  SelectorEventLoop,
  ThreadedChildWatcher,
  waitstatusToExitcode,
} from "../unix_events.ts";
import { describe, it } from "./_harness.ts";
import { capturedLog, type LogEntry } from "./_loops.ts";

/** No system gives so large an id. */
let nextPid = 100_000_000;

/** A child that the test ends. */
class TestChild {
  readonly pid = nextPid++;
  end: (returncode: number) => void = () => {};

  constructor() {
    children.note(this);
  }

  onExit(told: (returncode: number) => void): void {
    this.end = told;
  }
}

const texts = (log: readonly LogEntry[]) => log.map(({ text }) => text);

const GOING = (name: string) =>
  `'${name}' is deprecated as of Python 3.12 and will be removed in Python 3.14.`;

/** Makes something that warns of its removal, which is looked at elsewhere. */
async function quiet<T>(make: () => T): Promise<T> {
  let made: T;
  await capturedLog(() => {
    made = make();
  });
  return made!;
}

/** The watchers, and how each is set to work. */
const WATCHERS: readonly [
  name: string,
  make: () => AbstractChildWatcher,
][] = [
  ["SafeChildWatcher", () => new SafeChildWatcher()],
  ["FastChildWatcher", () => new FastChildWatcher()],
  ["MultiLoopChildWatcher", () => new MultiLoopChildWatcher()],
  ["ThreadedChildWatcher", () => new ThreadedChildWatcher()],
  ["PidfdChildWatcher", () => new PidfdChildWatcher()],
];

for (const [name, make] of WATCHERS) {
  describe(name, () => {
    /** Runs a body with an active watcher and a log of what it tells. */
    async function scene(
      body: (
        watcher: AbstractChildWatcher,
        told: unknown[][],
        loop: AbstractEventLoop,
      ) => Promise<void>,
    ): Promise<LogEntry[]> {
      const watcher = await quiet(make);
      return await capturedLog(() =>
        run(async () => {
          const loop = getRunningLoop();
          watcher.attachLoop(loop);
          try {
            await body(watcher, [], loop);
          } finally {
            watcher.close();
          }
        })
      );
    }

    it("tells of an end in the loop, with the arguments", async () => {
      const log = await scene(async (watcher, told, loop) => {
        assert(watcher.isActive());
        const child = watcher.with((same) => {
          assert(same === watcher);
          const child = new TestChild();
          watcher.addChildHandler(
            child.pid,
            (pid, returncode, ...args: [string, number]) => {
              told.push([pid, returncode, ...args]);
              assert(getRunningLoop() === loop);
            },
            "a",
            1,
          );
          return child;
        });
        await sleep(0);
        assertEquals(told, []);
        child.end(-15);
        assertEquals(told, []);
        await sleep(0.001);
        assertEquals(told, [[child.pid, -15, "a", 1]]);
      });
      assertEquals(log, []);
    });

    it("tells of what ended before the handler was added", async () => {
      await scene(async (watcher, told) => {
        let pid = 0;
        await watcher.with(async () => {
          const child = new TestChild();
          pid = child.pid;
          child.end(3);
          await sleep(0.001);
          watcher.addChildHandler(pid, (...args) => told.push(args));
        });
        await sleep(0.001);
        assertEquals(told, [[pid, 3]]);
      });
    });

    it("tells each of many children once", async () => {
      await scene(async (watcher, told) => {
        const many: TestChild[] = [];
        watcher.with(() => {
          for (let i = 0; i < 50; i++) {
            const child = new TestChild();
            many.push(child);
            watcher.addChildHandler(child.pid, (...args) => told.push(args));
          }
        });
        for (const [i, child] of many.entries()) child.end(i);
        await sleep(0.001);
        assertEquals(
          told,
          many.map((child, i) => [child.pid, i]),
        );
      });
    });

    it("runs generators and async functions in with", async () => {
      await scene(async (watcher) => {
        const found = await watcher.with(async () => {
          await sleep(0);
          return "async";
        });
        assertEquals(found, "async");
        assertThrows(
          () =>
            watcher.with(() => {
              throw new RangeError("in the body");
            }),
          RangeError,
        );
        const loop = getRunningLoop();
        const task = loop.createTask(function* () {
          return yield* watcher.with(function* () {
            yield* sleep(0);
            return "generator";
          });
        });
        assertEquals(await task, "generator");
      });
    });

    it("refuses what is no process id and no function", async () => {
      await scene(async (watcher) => {
        watcher.with(() => {
          for (const pid of [0, -1, 1.5, NaN]) {
            assertThrows(
              () => watcher.addChildHandler(pid, () => {}),
              RangeError,
              "a process id is a positive integer",
            );
          }
          assertThrows(
            () => watcher.addChildHandler(1, null as never),
            TypeError,
            "a callable object was expected by addChildHandler(), got null",
          );
        });
      });
    });

    it("hears of a real child", { timeout: 10_000 }, async () => {
      await scene(async (watcher, told, loop) => {
        const ended = loop.createFuture<void>();
        const pid = watcher.with(() => {
          const { pid } = platform.processes.spawn({
            file: "sh",
            args: ["-c", "exit 7"],
            stdin: "null",
            stdout: "null",
            stderr: "null",
          });
          watcher.addChildHandler(pid, (...args) => {
            told.push(args);
            ended.setResult();
          });
          return pid;
        });
        await ended;
        assertEquals(told, [[pid, 7]]);
      });
    });
  });
}

describe("a child that nobody knows", () => {
  const unknown = 99_999_999;

  for (const [name, make] of WATCHERS) {
    if (name === "FastChildWatcher") continue;
    it(`ended with 255, ${name} says`, async () => {
      const watcher = await quiet(make);
      const told: unknown[][] = [];
      const log = await capturedLog(() =>
        run(async () => {
          watcher.attachLoop(getRunningLoop());
          watcher.addChildHandler(unknown, (...args) => told.push(args));
          await sleep(0);
          watcher.close();
        })
      );
      assertEquals(told, [[unknown, 255]]);
      assertEquals(texts(log), [
        name === "PidfdChildWatcher"
          ? `child process pid ${unknown} exit status already read: will ` +
            "report returncode 255"
          : `Unknown child process pid ${unknown}, will report returncode 255`,
      ]);
    });
  }
});

describe("BaseChildWatcher", () => {
  it("is active while its loop runs", async () => {
    const watcher = await quiet(() => new SafeChildWatcher());
    assert(!watcher.isActive());
    const loop = new SelectorEventLoop();
    watcher.attachLoop(loop);
    assert(!watcher.isActive());
    await loop.runUntilComplete(async () => {
      assert(watcher.isActive());
    });
    assert(!watcher.isActive());
    watcher.close();
    loop.close();
  });

  it("tells a new loop of what ended meanwhile", async () => {
    const watcher = await quiet(() => new SafeChildWatcher());
    const child = new TestChild();
    const told: unknown[][] = [];
    watcher.addChildHandler(child.pid, (...args) => told.push(args));
    child.end(1);
    assertEquals(told, []);
    await run(async () => watcher.attachLoop(getRunningLoop()));
    assertEquals(told, [[child.pid, 1]]);
    watcher.close();
  });

  it("warns where a loop is let go of with handlers", async () => {
    const watcher = await quiet(() => new SafeChildWatcher());
    const loop = new SelectorEventLoop();
    watcher.attachLoop(loop);
    watcher.addChildHandler(new TestChild().pid, () => {});
    const log = await capturedLog(() => watcher.attachLoop(null));
    assertEquals(texts(log), [
      "A loop is being detached from a child watcher with pending handlers",
    ]);
    assertEquals((await capturedLog(() => watcher.close())).length, 0);
    loop.close();
  });

  it("refuses what is no loop", async () => {
    const watcher = await quiet(() => new SafeChildWatcher());
    assertThrows(
      () => watcher.attachLoop({} as AbstractEventLoop),
      TypeError,
      "loop must be an instance of AbstractEventLoop or null",
    );
  });

  it("reports a callback that fails, and tells the others", async () => {
    const watcher = await quiet(() => new SafeChildWatcher());
    const told: number[] = [];
    const reports: unknown[] = [];
    await run(async () => {
      const loop = getRunningLoop();
      loop.setExceptionHandler((_, context) => {
        reports.push(context.message, context.exception);
      });
      watcher.attachLoop(loop);
      const error = new RangeError("in the callback");
      const [first, second] = [new TestChild(), new TestChild()];
      watcher.addChildHandler(first.pid, () => {
        throw error;
      });
      watcher.addChildHandler(second.pid, (pid) => told.push(pid));
      first.end(0);
      second.end(0);
      await sleep(0.001);
      assertEquals(reports, ["Unknown exception in SIGCHLD handler", error]);
      assertEquals(told, [second.pid]);
      watcher.close();
    });
  });

  it("replaces and forgets handlers", async () => {
    const told: string[] = [];
    for (
      const watcher of [
        await quiet(() => new SafeChildWatcher()),
        await quiet(() => new FastChildWatcher()),
        await quiet(() => new MultiLoopChildWatcher()),
      ]
    ) {
      await capturedLog(() =>
        run(async () => {
          watcher.attachLoop(getRunningLoop());
          const [one, two] = [new TestChild(), new TestChild()];
          watcher.with(() => {
            watcher.addChildHandler(one.pid, () => told.push("old"));
            watcher.addChildHandler(one.pid, () => told.push("new"));
            watcher.addChildHandler(two.pid, () => told.push("forgotten"));
          });
          assertEquals(watcher.removeChildHandler(two.pid), true);
          assertEquals(watcher.removeChildHandler(two.pid), false);
          one.end(0);
          two.end(0);
          await sleep(0.001);
          watcher.close();
        })
      );
    }
    assertEquals(told, ["new", "new", "new"]);
  });

  it("is what a subclass makes of it", () => {
    assertThrows(
      () => new BaseChildWatcher()._pollAll(),
      NotImplementedError,
      "Cannot call _pollAll(): BaseChildWatcher does not have it",
    );
  });
});

describe("FastChildWatcher as it is", () => {
  it("needs its with block", async () => {
    const watcher = await quiet(() => new FastChildWatcher());
    assertThrows(
      () => watcher.addChildHandler(1, () => {}),
      RuntimeError,
      "Must use the context manager",
    );
  });

  it("warns of children that are nobody's", async () => {
    const watcher = await quiet(() => new FastChildWatcher());
    const [inside, outside] = [new TestChild(), new TestChild()];
    const log = await capturedLog(() =>
      run(async () => {
        watcher.attachLoop(getRunningLoop());
        await watcher.with(async () => {
          inside.end(2);
          await sleep(0.001);
        });
        outside.end(3);
        await sleep(0.001);
        watcher.close();
      })
    );
    // Ends of other tests' children may be among them.
    const all = texts(log).join("\n");
    assert(
      all.includes("Caught subprocesses termination from unknown pids: {"),
    );
    assert(all.includes(`${inside.pid}: 2`));
    assert(
      all.includes(
        `Caught subprocess termination from unknown pid: ${outside.pid} -> 3`,
      ),
    );
  });

  it("leaves children alone whose owner is told of their end", async () => {
    const watcher = await quiet(() => new FastChildWatcher());
    const child = new TestChild();
    children.own(child.pid);
    const log = await capturedLog(() =>
      run(async () => {
        watcher.attachLoop(getRunningLoop());
        child.end(0);
        await sleep(0.001);
        watcher.close();
      })
    );
    assert(!texts(log).some((text) => text.includes(`${child.pid}`)));
    assertEquals(children.poll(child.pid), 0);
    assertEquals(children.poll(child.pid), undefined);
  });
});

describe("a loop's own child", () => {
  it("is told of whatever watcher is attached, and taken by none", {
    timeout: 10_000,
  }, async () => {
    const fast = await quiet(() => new FastChildWatcher());
    const safe = await quiet(() => new SafeChildWatcher());
    const told: unknown[][] = [];
    const log = await capturedLog(() =>
      run(async () => {
        while (children.pollAny() !== null);
        const loop = getRunningLoop();
        fast.attachLoop(loop);
        safe.attachLoop(loop);
        const child = await createSubprocessExec("sh", "-c", "exit 5");
        safe.addChildHandler(child.pid, (...args) => told.push(args));
        assertEquals(await child.wait(), 5);
        await sleep(0.001);
        assertEquals(told, [[child.pid, 5]]);
        fast.close();
        safe.close();
      })
    );
    assertEquals(texts(log), []);
  });
});

describe("watchers of several loops", () => {
  for (
    const [name, make] of WATCHERS.slice(2)
  ) {
    it(`need a running loop: ${name}`, async () => {
      const watcher = await quiet(make);
      assertThrows(
        () => watcher.addChildHandler(1, () => {}),
        RuntimeError,
        "no running event loop",
      );
    });

    it(`say so where the loop is closed: ${name}`, async () => {
      const watcher = await quiet(make);
      const child = new TestChild();
      watcher.attachLoop(null);
      let loop: AbstractEventLoop | undefined;
      await run(async () => {
        loop = getRunningLoop();
        watcher.addChildHandler(child.pid, () => {
          throw new Error("told in a closed loop");
        });
      });
      const log = await capturedLog(() => child.end(0));
      assertEquals(texts(log), [
        `Loop ${loop} that handles pid ${child.pid} is closed`,
      ]);
      watcher.close();
    });
  }

  it("are active: MultiLoopChildWatcher from attachLoop to close", async () => {
    const watcher = await quiet(() => new MultiLoopChildWatcher());
    assert(!watcher.isActive());
    watcher.attachLoop(null);
    watcher.attachLoop(null);
    assert(watcher.isActive());
    watcher.close();
    assert(!watcher.isActive());
  });
});

describe("the deprecation of watchers", () => {
  it("is told by three of them", async () => {
    for (const [name, make] of WATCHERS) {
      const told = ["Safe", "Fast", "MultiLoop"].some((one) =>
        name === `${one}ChildWatcher`
      );
      const log = await capturedLog(() => void make());
      assertEquals(texts(log), told ? [GOING(name)] : []);
    }
  });

  it("is told once by a class of the program's own", async () => {
    class Own extends AbstractChildWatcher {}
    const log = await capturedLog(() => {
      new Own();
      new Own();
    });
    assertEquals(texts(log), [GOING("AbstractChildWatcher")]);
  });

  it("is told by the functions", async () => {
    const before = getEventLoopPolicy();
    setEventLoopPolicy(new _UnixDefaultEventLoopPolicy());
    try {
      const log = await capturedLog(() => {
        getChildWatcher();
        setChildWatcher(null);
      });
      assertEquals(texts(log), [
        GOING("getChildWatcher"),
        GOING("setChildWatcher"),
      ]);
    } finally {
      setEventLoopPolicy(before);
    }
  });
});

describe("AbstractChildWatcher", () => {
  it("has nothing but its names", async () => {
    class Bare extends AbstractChildWatcher {}
    const bare = await quiet(() => new Bare());
    const calls: Readonly<Record<string, () => unknown>> = {
      addChildHandler: () => bare.addChildHandler(1, () => {}),
      removeChildHandler: () => bare.removeChildHandler(1),
      attachLoop: () => bare.attachLoop(null),
      close: () => bare.close(),
      isActive: () => bare.isActive(),
      with: () => bare.with(() => {}),
    };
    for (const [name, call] of Object.entries(calls)) {
      assertThrows(
        call,
        NotImplementedError,
        `Cannot call ${name}(): Bare does not have it`,
      );
    }
  });
});

describe("the policy's watcher", () => {
  it("is made when it is asked for, and stays", async () => {
    const policy = new _UnixDefaultEventLoopPolicy();
    const watcher = await quiet(() => policy.getChildWatcher());
    assert(
      watcher instanceof
        (canUsePidfd() ? PidfdChildWatcher : ThreadedChildWatcher),
    );
    assert(await quiet(() => policy.getChildWatcher()) === watcher);
  });

  it("is closed when another is set, and follows the loop", async () => {
    const policy = new _UnixDefaultEventLoopPolicy();
    const calls: unknown[] = [];
    class Noting extends AbstractChildWatcher {
      override attachLoop(loop: AbstractEventLoop | null): void {
        calls.push(loop);
      }
      override close(): void {
        calls.push("closed");
      }
    }
    const loop = new SelectorEventLoop();
    await quiet(() => {
      policy.setEventLoop(loop);
      policy.setChildWatcher(new Noting());
      policy.setEventLoop(loop);
      policy.setEventLoop(null);
      policy.setChildWatcher(null);
      assertThrows(
        () => policy.setChildWatcher({} as AbstractChildWatcher),
        TypeError,
        "watcher must be an instance of AbstractChildWatcher or null",
      );
    });
    assertEquals(calls, [loop, null, "closed"]);
    loop.close();
  });

  it("is that of the default policy of this system", {
    on: ["deno", "bun", "node"],
  }, () => {
    const before = getEventLoopPolicy();
    setEventLoopPolicy(null);
    try {
      assert(getEventLoopPolicy() instanceof _UnixDefaultEventLoopPolicy);
    } finally {
      setEventLoopPolicy(before);
    }
  });

  it("is missing where a policy has none", () => {
    class Bare extends AbstractEventLoopPolicy {}
    assertThrows(() => new Bare().getChildWatcher(), NotImplementedError);
  });
});

describe("waitstatusToExitcode", () => {
  it("reads exits, signals and what it does not understand", () => {
    const cases: readonly [status: number, returncode: number][] = [
      [0, 0],
      [0x0100, 1],
      [0xff00, 255],
      [9, -9],
      [15, -15],
      [0x80 | 11, -11], // with a core dump
      [0x137f, 0x137f], // stopped
    ];
    for (const [status, returncode] of cases) {
      assertEquals(waitstatusToExitcode(status), returncode);
    }
    assertThrows(() => waitstatusToExitcode(1.5), TypeError);
  });
});

describe("the table of children", () => {
  it("keeps the last 256 ends that nobody has asked for", () => {
    const many = Array.from({ length: 300 }, () => new TestChild());
    for (const child of many) child.end(0);
    assertEquals(children.poll(many[0]!.pid), undefined);
    assertEquals(children.poll(many.at(-1)!.pid), 0);
    while (children.pollAny() !== null);
  });

  it("gives an id that is used again to the new child", () => {
    const old = new TestChild();
    const endOfOld = old.end;
    old.end(1);
    let end: (returncode: number) => void = () => {};
    children.note({
      pid: old.pid,
      onExit: (told) => void (end = told),
    });
    assertEquals(children.poll(old.pid), null);
    endOfOld(2);
    assertEquals(children.poll(old.pid), null);
    end(3);
    assertEquals(children.poll(old.pid), 3);
  });

  it("types the callback by the arguments", () => {
    const callback: ChildCallback<[string]> = (pid, code, text) =>
      `${pid} ${code} ${text.length}`;
    assertEquals(callback(1, 2, "abc"), "1 2 3");
  });
});
