/** Signal handlers of a loop, with signals that the test sends. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fakePlatform } from "../_platform/fake.ts";
import type { FakeSignals } from "../_platform/fake_signals.ts";
import { signalNumbers } from "../_platform/signal_numbers.ts";
import {
  BaseEventLoop,
  ContextVar,
  coroutine,
  type ExceptionContext,
  getRunningLoop,
  KeyboardInterrupt,
  NotImplementedError,
  run,
  Runner,
  RuntimeError,
  SelectorEventLoop,
  sleep,
} from "../mod.ts";
import { _UnixSelectorEventLoop } from "../unix_events.ts";
import { describe, it } from "./_harness.ts";

/** A Unix loop whose signals and clock are the test's. */
class Scene {
  readonly platform = fakePlatform({ os: "linux" });
  readonly signals = this.platform.signals as FakeSignals;
  readonly reports: ExceptionContext[] = [];
  readonly loop = new _UnixSelectorEventLoop({ platform: this.platform });

  constructor() {
    this.loop.setExceptionHandler((_, context) => {
      this.reports.push(context);
    });
  }

  readonly loopFactory = (): BaseEventLoop => this.loop;

  send(name: string): boolean {
    return this.signals.send(name);
  }
}

const nothing = () => {};

describe("addSignalHandler", () => {
  it("calls the handler with its arguments, in the loop's turn", async () => {
    const scene = new Scene();
    const log: unknown[] = [];
    await run(async () => {
      const loop = getRunningLoop();
      loop.addSignalHandler(
        "SIGTERM",
        (a: number, b: string) => {
          log.push(a, b, getRunningLoop() === loop);
        },
        1,
        "two",
      );
      scene.send("SIGTERM");
      log.push("not yet");
      await sleep(0);
      scene.send("SIGTERM");
      await sleep(0);
    }, scene);
    assertEquals(log, ["not yet", 1, "two", true, 1, "two", true]);
  });

  it("takes a name, another name and a number for one signal", async () => {
    const scene = new Scene();
    const { loop } = scene;
    loop.addSignalHandler("SIGABRT", nothing);
    assert(scene.signals.isHandled("SIGABRT"));
    assertEquals(loop.removeSignalHandler("SIGIOT"), true);
    loop.addSignalHandler(15, nothing);
    assert(scene.signals.isHandled("SIGTERM"));
    assertEquals(loop.removeSignalHandler("SIGTERM"), true);
    assertEquals(loop.removeSignalHandler(15), false);
    loop.close();
  });

  it("knows every signal of Linux", () => {
    const scene = new Scene();
    for (let number = 1; number <= 64; number++) {
      const uncatchable = number === 9 || number === 19;
      if (number === 32 || number === 33) {
        assertThrows(
          () => scene.loop.addSignalHandler(number, nothing),
          RangeError,
          `invalid signal number ${number}`,
        );
      } else if (uncatchable) {
        assertThrows(
          () => scene.loop.addSignalHandler(number, nothing),
          RuntimeError,
          `sig ${number} cannot be caught`,
        );
      } else {
        scene.loop.addSignalHandler(number, nothing);
        assert(scene.loop.removeSignalHandler(number), `${number}`);
      }
    }
    scene.loop.close();
  });

  it("refuses SIGKILL and SIGSTOP by name", () => {
    const { loop } = new Scene();
    for (const name of ["SIGKILL", "SIGSTOP"]) {
      const error = assertThrows(() => loop.addSignalHandler(name, nothing));
      assertEquals((error as Error).message, `sig ${name} cannot be caught`);
      assert(error instanceof RuntimeError);
      assertEquals(loop.removeSignalHandler(name), false);
    }
    loop.close();
  });

  it("refuses what the system does not have", () => {
    const { loop } = new Scene();
    for (const number of [0, -1, 65, 1e9]) {
      assertThrows(
        () => loop.addSignalHandler(number, nothing),
        RangeError,
        `invalid signal number ${number}`,
      );
      assertThrows(() => loop.removeSignalHandler(number), RangeError);
    }
    for (const name of ["SIGFOO", "TERM", "", "SIGBREAK", "toString"]) {
      assertThrows(
        () => loop.addSignalHandler(name, nothing),
        RangeError,
        `invalid signal name ${name}`,
      );
    }
    loop.close();
  });

  it("refuses what is no signal", () => {
    const { loop } = new Scene();
    for (const sig of [2.5, NaN, null, undefined, true, {}]) {
      assertThrows(
        () => loop.addSignalHandler(sig as number, nothing),
        TypeError,
        "sig must be an int, not ",
      );
      assertThrows(() => loop.removeSignalHandler(sig as number), TypeError);
    }
    loop.close();
  });

  it("refuses coroutine functions and what is no function", () => {
    const { loop } = new Scene();
    const handlers = [
      async () => {},
      function* () {},
      coroutine(async () => {}),
      coroutine(async () => {})(),
    ];
    for (const handler of handlers) {
      assertThrows(
        () => loop.addSignalHandler("SIGTERM", handler as () => void),
        TypeError,
        "coroutines cannot be used with addSignalHandler()",
      );
    }
    assertThrows(
      () => loop.addSignalHandler("SIGTERM", null as never),
      TypeError,
      "a callable object was expected by addSignalHandler(), got null",
    );
    loop.close();
  });

  it("says which runtime cannot hear a signal", () => {
    const scene = new Scene();
    scene.signals.unheard.add("SIGSEGV");
    const error = assertThrows(
      () => scene.loop.addSignalHandler(11, nothing),
      NotImplementedError,
      "sig 11 cannot be caught: fake has no listeners for SIGSEGV",
    );
    assert(error.cause instanceof TypeError);
    assertEquals(scene.loop.removeSignalHandler(11), false);
    scene.loop.close();
  });

  it("works in the main thread only", () => {
    const platform = fakePlatform({ os: "linux" });
    const loop = new _UnixSelectorEventLoop({
      platform: { ...platform, os: { ...platform.os, isMainThread: false } },
    });
    assertThrows(
      () => loop.addSignalHandler("SIGTERM", nothing),
      RuntimeError,
      "signal only works in main thread",
    );
    assert(!platform.signals.isHandled("SIGTERM"));
    loop.close();
  });

  it("refuses a closed loop", () => {
    const { loop } = new Scene();
    loop.close();
    assertThrows(
      () => loop.addSignalHandler("SIGTERM", nothing),
      RuntimeError,
      "Event loop is closed",
    );
    assertEquals(loop.removeSignalHandler("SIGTERM"), false);
  });

  it("replaces a handler, and has one listener for them", async () => {
    const scene = new Scene();
    const log: string[] = [];
    scene.loop.addSignalHandler("SIGHUP", () => log.push("old"));
    scene.loop.addSignalHandler("SIGHUP", () => log.push("new"));
    await run(async () => {
      scene.send("SIGHUP");
      await sleep(0);
      assert(getRunningLoop().removeSignalHandler("SIGHUP"));
      assert(!scene.send("SIGHUP"));
    }, scene);
    assertEquals(log, ["new"]);
  });

  it("captures the context once, where the handler is added", async () => {
    const scene = new Scene();
    const user = new ContextVar<string>("user", { default: "nobody" });
    const log: string[] = [];
    await run(async () => {
      user.set("ann");
      getRunningLoop().addSignalHandler("SIGUSR1", () => {
        log.push(user.get());
        user.set("changed");
      });
      user.set("bob");
      scene.send("SIGUSR1");
      await sleep(0);
      scene.send("SIGUSR1");
      await sleep(0);
      log.push(user.get());
    }, scene);
    assertEquals(log, ["ann", "changed", "bob"]);
  });

  it("reports the error of a handler, which stays", async () => {
    const scene = new Scene();
    let calls = 0;
    await run(async () => {
      getRunningLoop().addSignalHandler("SIGUSR2", () => {
        calls++;
        throw new RangeError("in the handler");
      });
      scene.send("SIGUSR2");
      await sleep(0);
      scene.send("SIGUSR2");
      await sleep(0);
    }, scene);
    assertEquals(calls, 2);
    assertEquals(
      scene.reports.map(({ exception }) => (exception as Error).message),
      ["in the handler", "in the handler"],
    );
  });

  it("wakes a loop that waits for nothing else", async () => {
    const scene = new Scene();
    await run(async () => {
      const loop = getRunningLoop();
      const asked = loop.createFuture<string>();
      loop.addSignalHandler("SIGTERM", () => asked.setResult("asked"));
      setTimeout(() => scene.send("SIGTERM"), 5);
      assertEquals(await asked, "asked");
    }, scene);
  });

  it("leaves nothing behind when the loop is closed", async () => {
    const scene = new Scene();
    const names = ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1"];
    for (const name of names) scene.loop.addSignalHandler(name, nothing);
    await scene.loop.runUntilComplete(sleep(0));
    scene.loop.close();
    for (const name of names) assert(!scene.signals.isHandled(name), name);
  });

  it("stays with the handlers of another loop", async () => {
    const scene = new Scene();
    const other = new _UnixSelectorEventLoop({ platform: scene.platform });
    const log: string[] = [];
    scene.loop.addSignalHandler("SIGTERM", () => log.push("first"));
    other.addSignalHandler("SIGTERM", () => log.push("second"));
    scene.send("SIGTERM");
    await scene.loop.runUntilComplete(sleep(0));
    scene.loop.close();
    assert(scene.signals.isHandled("SIGTERM"));
    await other.runUntilComplete(sleep(0));
    other.close();
    assertEquals(log, ["first", "second"]);
    assert(!scene.signals.isHandled("SIGTERM"));
  });

  it("is not there on a loop without an operating system", () => {
    const loop = new BaseEventLoop();
    assertThrows(
      () => loop.addSignalHandler("SIGTERM", nothing),
      NotImplementedError,
    );
    assertThrows(
      () => loop.removeSignalHandler("SIGTERM"),
      NotImplementedError,
    );
    loop.close();
  });

  it("is there on the default loop of this system", () => {
    const loop = new SelectorEventLoop();
    loop.addSignalHandler("SIGUSR2", nothing);
    assert(loop.removeSignalHandler("SIGUSR2"));
    loop.close();
  });
});

describe("a handler of SIGINT", () => {
  it("takes the runner's place", async () => {
    const scene = new Scene();
    let heard = 0;
    await run(async () => {
      getRunningLoop().addSignalHandler("SIGINT", () => void heard++);
      scene.send("SIGINT");
      scene.send("SIGINT");
      await sleep(1);
    }, scene);
    assertEquals(heard, 2);
    assert(!scene.signals.isHandled("SIGINT"));
  });

  it("that is taken back leaves one that ends the run", async () => {
    const scene = new Scene();
    const log: string[] = [];
    await assertRejects(
      () =>
        run(async () => {
          const loop = getRunningLoop();
          loop.addSignalHandler("SIGINT", () => log.push("own"));
          loop.removeSignalHandler("SIGINT");
          assert(scene.signals.isHandled("SIGINT"));
          loop.callSoon(() => scene.send("SIGINT"));
          try {
            await sleep(60);
          } finally {
            await sleep(1);
            log.push("cleaned");
          }
        }, scene),
      KeyboardInterrupt,
    );
    assertEquals(log, ["cleaned"]);
    assert(!scene.signals.isHandled("SIGINT"));
    assertEquals(scene.platform.clock.now(), 1);
  });

  it("that was there before the run keeps the runner out", async () => {
    const scene = new Scene();
    let heard = 0;
    scene.loop.addSignalHandler("SIGINT", () => void heard++);
    await run(async () => {
      scene.send("SIGINT");
      await sleep(1);
    }, scene);
    assertEquals(heard, 1);
  });

  it("leaves a listener of the program alone", async () => {
    const scene = new Scene();
    const log: string[] = [];
    scene.signals.add("SIGINT", () => log.push("host"));
    await run(async () => {
      const loop = getRunningLoop();
      loop.addSignalHandler("SIGINT", () => log.push("own"));
      scene.send("SIGINT");
      await sleep(0);
      loop.removeSignalHandler("SIGINT");
      scene.send("SIGINT");
      await sleep(0);
    }, scene);
    assertEquals(log, ["host", "own", "host"]);
  });

  it("of one run is none of the next", async () => {
    const scene = new Scene();
    const runner = new Runner(scene);
    await runner.run(async () => {
      getRunningLoop().addSignalHandler("SIGINT", nothing);
    });
    scene.loop.removeSignalHandler("SIGINT");
    assert(!scene.signals.isHandled("SIGINT"));
    await assertRejects(
      () =>
        runner.run(async () => {
          scene.send("SIGINT");
          await sleep(60);
        }),
      KeyboardInterrupt,
    );
    await runner.close();
  });
});

describe("the signals of a system", () => {
  it("have names and numbers that fit", () => {
    for (const os of ["linux", "darwin", "win32"]) {
      const numbers = signalNumbers(os);
      const names = numbers.names();
      assert(names.includes("SIGINT") && names.includes("SIGTERM"));
      for (const name of names.filter((name) => !name.includes("+"))) {
        assertEquals(numbers.nameOf(numbers.numberOf(name)!), name);
      }
    }
  });

  it("are seven on Windows", () => {
    assertEquals(signalNumbers("win32").names(), [
      "SIGINT",
      "SIGILL",
      "SIGFPE",
      "SIGSEGV",
      "SIGTERM",
      "SIGBREAK",
      "SIGABRT",
    ]);
  });
});
