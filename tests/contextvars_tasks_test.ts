/** Contexts of callbacks and of tasks in both spellings, and across native awaits. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it, runtime } from "./_harness.ts";
import { hostTurns, oneIteration, withLoop, withRealLoop } from "./_loops.ts";
import {
  asyncgen,
  Context,
  ContextVar,
  copyContext,
  type Coro,
  coroutine,
  createTask,
  gather,
  getRunningLoop,
  shield,
  sleep,
  timeout,
} from "../mod.ts";

describe("contexts of callbacks", () => {
  it("a handle captures the context of the call", () =>
    withLoop(async ({ loop }) => {
      const v = new ContextVar<string>("v", { default: "none" });
      const seen: string[] = [];
      const note = () => void seen.push(v.get());
      await new Context().run(async () => {
        v.set("at the call");
        loop.callSoon(note);
        loop.callLater(1, note);
        loop.callSoonThreadsafe(note);
        const future = loop.createFuture<void>();
        future.addDoneCallback(note);
        v.set("later");
        future.setResult();
        await loop.runUntilComplete(sleep(2));
      });
      assertEquals(seen, [
        "at the call",
        "at the call",
        "at the call",
        "at the call",
      ]);
    }));

  it("what a callback sets stays in its handle", () =>
    withLoop(async ({ loop }) => {
      const v = new ContextVar<string>("v", { default: "none" });
      const seen: string[] = [];
      loop.callSoon(() => void v.set("first"));
      loop.callSoon(() => void seen.push(v.get()));
      await oneIteration(loop);
      assertEquals([...seen, v.get()], ["none", "none"]);
    }));

  it("an explicit context is context.run(() => callSoon())", () =>
    withLoop(async ({ loop }) => {
      const v = new ContextVar<string>("v", { default: "none" });
      const context = new Context();
      context.run(() => v.set("explicit"));
      const seen: string[] = [];
      context.run(() => loop.callSoon(() => void seen.push(v.get())));
      await oneIteration(loop);
      assertEquals(seen, ["explicit"]);
    }));

  it("addDoneCallback() takes one and shares it", () =>
    withLoop(async ({ loop }) => {
      const v = new ContextVar<string>("v", { default: "none" });
      const context = new Context();
      const future = loop.createFuture<void>();
      future.addDoneCallback(() => v.set("by the callback"), { context });
      future.setResult();
      await oneIteration(loop);
      assertEquals(context.get(v), "by the callback");
    }));
});

/** The same body in both spellings; `pause` is a library await. */
type Spelling = "generator" | "async";
const spellings: Spelling[] = ["generator", "async"];

function bodyOf(
  spelling: Spelling,
  steps: (() => void)[],
): () => Coro<void> | Promise<void> {
  return spelling === "generator"
    ? function* () {
      for (const step of steps) {
        step();
        yield* sleep(1);
      }
    }
    : async () => {
      for (const step of steps) {
        step();
        await sleep(1);
      }
    };
}

for (const spelling of spellings) {
  describe(`contexts of tasks: ${spelling}`, () => {
    it("behaviour 13: the context is copied when the task is made", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        const seen: string[] = [];
        await loop.runUntilComplete(async () => {
          v.set("at creation");
          const task = createTask(
            bodyOf(spelling, [() => void seen.push(v.get())]) as () => Coro<
              void
            >,
          );
          v.set("before its first step");
          await task;
        });
        assertEquals(seen, ["at creation"]);
      }));

    it("what a task sets stays in it, across its awaits", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        const seen: string[] = [];
        const body = (name: string) =>
          bodyOf(spelling, [
            () => void v.set(name),
            () => void seen.push(v.get()),
            () => void v.set(name + name),
            () => void seen.push(v.get()),
          ]) as () => Coro<void>;
        await loop.runUntilComplete(async () => {
          await gather([body("a"), body("b")]);
        });
        assertEquals(seen, ["a", "b", "aa", "bb"]);
        assertEquals(v.get(), "none");
      }));

    it("behaviour 13: a context that is given is shared with its owner", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        const context = new Context();
        context.run(() => v.set("given"));
        const seen: string[] = [];
        const task = loop.createTask(
          bodyOf(spelling, [
            () => void seen.push(v.get()),
            () => void v.set("by the task"),
          ]) as () => Coro<void>,
          { context },
        );
        assertStrictEquals(task.getContext(), context);
        loop.callLater(0.5, () => context.run(() => v.set("from outside")));
        await loop.runUntilComplete(task);
        assertEquals(seen, ["given"]);
        assertEquals(context.get(v), "by the task");
        assertEquals(v.get(), "none");
      }));

    it("what its owner sets meanwhile is seen in a shared context", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        const context = new Context();
        const seen: string[] = [];
        loop.callLater(0.5, () => context.run(() => v.set("from outside")));
        await loop.runUntilComplete(loop.createTask(
          bodyOf(spelling, [() => {}, () => void seen.push(v.get())]) as () =>
            Coro<void>,
          { context },
        ));
        assertEquals(seen, ["from outside"]);
      }));

    it("callbacks and tasks that it makes get a copy of its context", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        const seen: string[] = [];
        const note = (what: string) => void seen.push(`${what} ${v.get()}`);
        await loop.runUntilComplete(
          bodyOf(spelling, [
            () => void v.set("one"),
            () => {
              loop.callSoon(note, "soon");
              loop.callLater(5, note, "later");
              const future = loop.createFuture<void>();
              future.addDoneCallback(() => note("done"));
              createTask(async () => note("task"));
              v.set("two");
              future.setResult();
            },
            () => {},
          ]) as () => Coro<void>,
        );
        await loop.runUntilComplete(sleep(5));
        assertEquals(seen, ["soon one", "task one", "done one", "later one"]);
      }));

    it("an inline coroutine runs in the context of its task", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        const setIn = coroutine(
          bodyOf(spelling, [() => {}, () => void v.set("inline")]) as () =>
            Coro<void>,
        );
        assertEquals(
          await loop.runUntilComplete(async () => {
            await setIn();
            return v.get();
          }),
          "inline",
        );
        assertEquals(
          await loop.runUntilComplete(function* () {
            yield* setIn();
            return v.get();
          }),
          "inline",
        );
      }));

    it("the body of a timeout runs in the context of its task", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        assertEquals(
          await loop.runUntilComplete(async () => {
            await timeout(60).with(
              bodyOf(spelling, [() => {}, () => void v.set("body")]) as () =>
                Coro<void>,
            );
            return v.get();
          }),
          "body",
        );
      }));

    it("an eager task runs in a copy, and its creator's comes back", () =>
      withLoop(async ({ loop }) => {
        const v = new ContextVar<string>("v", { default: "none" });
        const seen: string[] = [];
        await loop.runUntilComplete(async () => {
          v.set("creator");
          const task = createTask(
            bodyOf(spelling, [() => {
              seen.push(v.get());
              v.set("eager");
            }, () => void seen.push(v.get())]) as () => Coro<void>,
            { eagerStart: true },
          );
          seen.push(v.get());
          await sleep(0);
          seen.push(v.get());
          await task;
        });
        assertEquals(seen, ["creator", "creator", "creator", "eager"]);
      }));
  });
}

describe("contexts across native awaits", () => {
  const v = new ContextVar<string>("v", { default: "none" });

  it("survive promises, fetch and host timers", async () => {
    const seen: string[] = [];
    const body = (name: string) => async () => {
      const note = (what: string) =>
        void seen.push(`${name} ${what} ${v.get()}`);
      v.set(name);
      await Promise.resolve();
      note("promise");
      await (await fetch("data:text/plain,x")).text();
      note("fetch");
      v.set(name + "!");
      await new Promise<void>((done) => setTimeout(done, 2));
      note("timer");
      await Promise.all([sleep(0.001), Promise.resolve()]);
      note("all");
      await sleep(0);
      note("sleep");
    };
    await withRealLoop(async () => {
      await gather([body("a"), body("b")]);
    });
    assertEquals(seen.length, 10);
    for (const line of seen) {
      const [name, what, value] = line.split(" ");
      const early = what === "promise" || what === "fetch";
      assertEquals(value, early ? name : name + "!", line);
    }
    assertEquals(v.get(), "none");
  });

  it("are those of the task in host callbacks that it started", async () => {
    const seen: string[] = [];
    await withRealLoop(async () => {
      await createTask(async () => {
        await sleep(0);
        v.set("task");
        await new Promise<void>((done) =>
          setTimeout(() => {
            seen.push(v.get());
            getRunningLoop().callSoon(() => {
              seen.push(v.get());
              done();
            });
          }, 1)
        );
      });
    });
    // What browsers call back belongs to no task.
    const own = runtime === "web" ? "none" : "task";
    assertEquals(seen, [own, own]);
  });

  it("a token can be used after a native await of the same task", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        const token = v.set("x");
        await Promise.resolve();
        await sleep(1);
        await hostTurns();
        v.reset(token);
        assertEquals(v.get(), "none");
      });
    }));

  it("run() inside a task after a native await", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        v.set("task");
        await Promise.resolve();
        const context = copyContext();
        context.run(() => {
          assertEquals(v.get(), "task");
          v.set("inner");
        });
        assertEquals(v.get(), "task");
        assertEquals(context.get(v), "inner");
        await sleep(0);
        assertEquals(v.get(), "task");
      });
    }));

  it("an async generator runs in the context of who asks for the next", () =>
    withLoop(async ({ loop }) => {
      const values = asyncgen(async function* () {
        for (let i = 0; i < 2; i++) {
          await sleep(1);
          yield v.get();
        }
      });
      await loop.runUntilComplete(async () => {
        const gen = values();
        v.set("first");
        assertEquals((await gen.next()).value, "first");
        v.set("second");
        assertEquals((await gen.next()).value, "second");
        await gen.return(undefined);
      });
    }));

  it("shield() leaves the shielded task its own context", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        v.set("outer");
        assertEquals(
          await shield(async () => {
            v.set(v.get() + " inner");
            await sleep(1);
            return v.get();
          }),
          "outer inner",
        );
        assertEquals(v.get(), "outer");
      });
    }));

  it("errors do not mix contexts up", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        v.set("outer");
        const failing = createTask(async () => {
          v.set("failing");
          await sleep(1);
          throw new RangeError();
        });
        await assertRejects(async () => await failing, RangeError);
        assertEquals(v.get(), "outer");
      });
      assertEquals(v.get(), "none");
    }));
});
