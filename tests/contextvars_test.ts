/** Context variables, by CPython's rules. */

import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { withLoop } from "./_loops.ts";
import {
  Context,
  ContextVar,
  copyContext,
  createTask,
  RuntimeError,
  sleep,
  Token,
} from "../mod.ts";

describe("ContextVar", () => {
  it("get() falls back on its argument, then on the default, then throws", () => {
    const bare = new ContextVar<number>("bare");
    const given = new ContextVar<number | undefined>("given", { default: 1 });
    const nothing = new ContextVar<undefined>("nothing", {
      default: undefined,
    });
    new Context().run(() => {
      assertEquals(bare.get(7), 7);
      assertEquals(given.get(), 1);
      assertEquals(given.get(2), 2);
      assertStrictEquals(given.get(undefined), undefined);
      assertStrictEquals(nothing.get(), undefined);
      const error = assertThrows(() => bare.get(), Error);
      assertStringIncludes(error.message, "bare");
      bare.set(3);
      assertEquals(bare.get(7), 3);
    });
  });

  it("keeps undefined and null as values", () => {
    const v = new ContextVar<null | undefined>("v");
    new Context().run(() => {
      v.set(undefined);
      assertStrictEquals(v.get(null), undefined);
      v.set(null);
      assertStrictEquals(v.get(undefined), null);
    });
  });

  it("has a name, which must be a string", () => {
    const v = new ContextVar<number>("speed");
    assertEquals(v.name, "speed");
    assertStringIncludes(`${v}`, "name='speed'");
    assertThrows(
      () => new ContextVar(3 as never),
      TypeError,
      "context variable name must be a str",
    );
  });
});

describe("Token", () => {
  it("reset() puts back what stood before, or nothing", () => {
    const v = new ContextVar<number>("v", { default: 0 });
    new Context().run(() => {
      const first = v.set(1);
      const second = v.set(2);
      assertStrictEquals(first.oldValue, Token.MISSING);
      assertEquals(second.oldValue, 1);
      assertStrictEquals(first.var, v);
      v.reset(second);
      assertEquals(v.get(), 1);
      v.reset(first);
      assertEquals(v.get(), 0);
      assert(!copyContext().has(v));
    });
  });

  it("tokens may be used in any order", () => {
    const v = new ContextVar<number>("v");
    new Context().run(() => {
      const first = v.set(1);
      const second = v.set(2);
      v.reset(first);
      assertEquals(v.get(-1), -1);
      v.reset(second);
      assertEquals(v.get(), 1);
    });
  });

  it("cannot be used twice", () => {
    const v = new ContextVar<number>("v");
    new Context().run(() => {
      const token = v.set(1);
      v.reset(token);
      const error = assertThrows(() => v.reset(token), RuntimeError);
      assertStringIncludes(error.message, "has already been used once");
      assertStringIncludes(`${token}`, "used");
    });
  });

  it("cannot be used for another variable", () => {
    const v = new ContextVar<number>("v");
    const w = new ContextVar<number>("w");
    new Context().run(() => {
      const token = v.set(1);
      const error = assertThrows(() => w.reset(token), RangeError);
      assertStringIncludes(
        error.message,
        "was created by a different ContextVar",
      );
      v.reset(token);
    });
  });

  it("cannot be used in another context, and stays good in its own", () => {
    const v = new ContextVar<number>("v");
    const own = new Context();
    const token = own.run(() => v.set(1));
    const error = assertThrows(
      () => own.copy().run(() => v.reset(token)),
      RangeError,
    );
    assertStringIncludes(error.message, "was created in a different Context");
    own.run(() => v.reset(token));
    assert(!own.has(v));
  });

  it("cannot be used in another task", () =>
    withLoop(async ({ loop }) => {
      const v = new ContextVar<number>("v");
      await loop.runUntilComplete(async () => {
        const token = v.set(1);
        await createTask(async () => {
          assertThrows(() => v.reset(token), RangeError, "different Context");
          await sleep(0);
          assertThrows(() => v.reset(token), RangeError, "different Context");
        });
        v.reset(token);
      });
    }));

  it("undoes the set when it is disposed of", () => {
    const v = new ContextVar<number>("v", { default: 0 });
    new Context().run(() => {
      {
        using _token = v.set(5);
        assertEquals(v.get(), 5);
      }
      assertEquals(v.get(), 0);
    });
  });
});

describe("Context", () => {
  it("run() keeps what is set inside, and returns the result", () => {
    const v = new ContextVar<number>("v", { default: 0 });
    const context = new Context();
    assertEquals(
      context.run(
        (a: number, b: number) => {
          v.set(a);
          return a + b + v.get();
        },
        1,
        2,
      ),
      4,
    );
    assertEquals(v.get(), 0);
    assertEquals(context.get(v), 1);
  });

  it("run() restores the outer context when the function throws", () => {
    const v = new ContextVar<number>("v", { default: 0 });
    const context = new Context();
    assertThrows(() =>
      context.run(() => {
        v.set(1);
        throw new RangeError();
      }), RangeError);
    assertEquals(v.get(), 0);
    assertEquals(context.run(() => v.get()), 1);
  });

  it("cannot be entered while it is entered", () => {
    const context = new Context();
    context.run(() => {
      const error = assertThrows(() => context.run(() => {}), RuntimeError);
      assertStringIncludes(error.message, "cannot enter context");
      assertStringIncludes(error.message, "is already entered");
      new Context().run(() => {
        assertThrows(() => context.run(() => {}), RuntimeError);
      });
      context.copy().run(() => {});
    });
    context.run(() => {});
  });

  it("cannot be entered while a task runs in it", () =>
    withLoop(async ({ loop }) => {
      const context = new Context();
      const seen: unknown[] = [];
      for (const spelling of ["generator", "async"]) {
        await loop.runUntilComplete(loop.createTask(
          spelling === "async"
            ? async () => {
              seen.push(assertThrows(() => context.run(() => {})));
              await sleep(0);
            }
            : function* () {
              seen.push(assertThrows(() => context.run(() => {})));
              yield* sleep(0);
            },
          { context },
        ));
      }
      assertEquals(seen.map((e) => e instanceof RuntimeError), [true, true]);
    }));

  it("copy() shares nothing that is written later, either way", () => {
    const v = new ContextVar<number>("v", { default: 0 });
    const a = new Context();
    a.run(() => v.set(1));
    const b = a.copy();
    const c = b.copy();
    b.run(() => v.set(2));
    a.run(() => v.set(3));
    assertEquals([a.get(v), b.get(v), c.get(v)], [3, 2, 1]);
    const d = a.copy();
    a.run(() => v.set(4));
    a.run(() => v.set(5));
    assertEquals([a.get(v), d.get(v)], [5, 3]);
  });

  it("copyContext() is a copy of the current one", () => {
    const v = new ContextVar<number>("v", { default: 0 });
    new Context().run(() => {
      v.set(1);
      const copy = copyContext();
      v.set(2);
      assertEquals(copy.get(v), 1);
      copy.run(() => v.set(9));
      assertEquals(v.get(), 2);
    });
  });

  it("is a mapping of variables", () => {
    const v = new ContextVar<number>("v");
    const w = new ContextVar<string>("w", { default: "w" });
    const context = new Context();
    assertEquals(context.size, 0);
    assertEquals([...context], []);
    assertStrictEquals(context.get(v), undefined);
    context.run(() => {
      v.set(1);
      w.set("x");
    });
    assertEquals(context.size, 2);
    assertEquals([context.has(v), context.has(w)], [true, true]);
    assertEquals(context.get(w), "x");
    assert([...context][0] === v && [...context.keys()][1] === w);
    assertEquals([...context.values()], [1, "x"]);
    assertEquals([...context.entries()].map(([k, x]) => [k.name, x]), [
      ["v", 1],
      ["w", "x"],
    ]);
    const token = context.run(() => v.set(2));
    context.run(() => v.reset(token));
    assertEquals(context.get(v), 1);
  });
});
