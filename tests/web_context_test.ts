/**
 * How the value of a context follows async code where the runtime does not see to it.
 * These tests run everywhere; in a browser all others rest on it, too.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../exceptions.ts";
import type { ContextStore } from "../_platform/types.ts";
import { followingContext } from "../_platform/web_context.ts";
import { describe, it } from "./_harness.ts";

interface Who {
  readonly name: string;
}

const { createStore, hop } = followingContext();
const store: ContextStore<Who> = createStore<Who>();

/** Runs an async function with a value of its own. */
function as<T>(name: string, fn: (me: Who) => Promise<T>): Promise<T> {
  const me = { name };
  return store.run(me, () => fn(me), fn);
}

/** The same for the tests themselves, which are not followed. */
function tell<T>(name: string, fn: (me: Who) => Promise<T>): Promise<T> {
  return outcome(as(name, fn));
}

const now = () => store.get()?.name;

/**
 * What a promise of followed code gives, for the tests themselves: who awaits such a
 * promise from outside is taken for the one who has settled it.
 */
async function outcome<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => void (settled = true);
  promise.then(settle, settle);
  while (!settled) await timer();
  // Nobody goes on here but this: it is settled, and nobody is followed.
  return await promise;
}
const timer = (ms = 1) =>
  new Promise<void>((resolve) => setTimeout(resolve, ms));

async function nested(depth: number): Promise<string | undefined> {
  if (depth === 0) await timer();
  else await nested(depth - 1);
  return now();
}

describe("a context that follows async code", () => {
  it("is there after awaits of all kinds", async () => {
    const seen = await tell("a", async () => {
      const seen = [now()];
      await timer();
      seen.push(now());
      await Promise.resolve();
      seen.push(now());
      for (let i = 0; i < 20; i++) await i;
      seen.push(now());
      seen.push(await nested(10), now());
      await (async () => await timer())();
      seen.push(now());
      await (() => timer().then(() => timer()))();
      seen.push(now());
      await Promise.all([timer(), 5, nested(3), Promise.resolve()]);
      seen.push(now());
      await Promise.race([timer(1), timer(5)]);
      seen.push(now());
      await timer().then(() => void seen.push(now()));
      for await (
        const value of (async function* () {
          yield now();
          await timer();
          yield now();
          await 5;
          yield now();
        })()
      ) seen.push(value, now());
      try {
        await Promise.reject(new Error("x"));
      } catch {
        seen.push(now());
      }
      return seen;
    });
    assertEquals(seen, new Array(seen.length).fill("a"));
    assertEquals(now(), undefined);
  });

  it("is each one's own where all await one promise", async () => {
    for (const shared of [timer(2), Promise.resolve(), nested(2)]) {
      const names = [..."abcdefgh"];
      const seen = await Promise.all(
        names.map((name) =>
          tell(name, async () => {
            await shared;
            await 5;
            const first = now();
            await shared;
            return [first, now()];
          })
        ),
      );
      assertEquals(seen, names.map((name) => [name, name]));
    }
  });

  it("is that of who awaits, not of who resolves", async () => {
    let resolve!: () => void;
    const gate = new Promise<void>((done) => resolve = done);
    const waiting = tell("waits", async () => {
      await gate;
      const first = now();
      await 5;
      return [first, now()];
    });
    const resolving = tell("resolves", async () => {
      await timer();
      resolve();
      const first = now();
      await Promise.resolve();
      await 5;
      return [first, now()];
    });
    assertEquals(await waiting, ["waits", "waits"]);
    assertEquals(await resolving, ["resolves", "resolves"]);
  });

  it("is that of an inner call until that has ended", async () => {
    const seen = await tell("outer", async () => {
      const seen = [now()];
      const inner = as("inner", async () => {
        seen.push(now());
        await 5;
        seen.push(now());
        await timer();
        seen.push(now());
      });
      seen.push(now());
      await 5;
      seen.push(now());
      await inner;
      seen.push(now());
      return seen;
    });
    assertEquals(seen.filter((name) => name === "inner").length, 3);
    assertEquals(
      seen.map((name, i) => name === "inner" ? i : -1)
        .filter((i) => i >= 0)[0],
      1,
    );
    assertEquals(seen.at(-1), "outer");
  });

  it("is nobody's in code outside, whatever runs meanwhile", async () => {
    const seen: unknown[] = [];
    const outside = (async () => {
      for (let i = 0; i < 10; i++) {
        await timer();
        seen.push(now());
        await 5;
        seen.push(now());
        await Promise.resolve();
        seen.push(now());
      }
    })();
    await tell("a", async () => {
      for (let i = 0; i < 10; i++) {
        await timer();
        await nested(2);
      }
    });
    await outside;
    assertEquals(seen, new Array(30).fill(undefined));
  });

  it("is nobody's in what a hop sets going", async () => {
    const seen: unknown[] = [];
    const later = hop(() => {
      seen.push(now());
      void (async () => {
        await 5;
        seen.push(now());
        await Promise.resolve();
        seen.push(now());
      })();
    });
    const own = await tell("a", async () => {
      later();
      const own: unknown[] = [];
      for (let i = 0; i < 8; i++) {
        await 5;
        own.push(now());
      }
      return own;
    });
    await timer();
    assertEquals(seen, [undefined, undefined, undefined]);
    assertEquals(own, new Array(8).fill("a"));
  });

  it("is carried by callbacks that are wrapped where the wait begins", async () => {
    let settle!: (value: unknown) => void;
    const thenable = {
      then(done: (value: unknown) => void) {
        settle = store.carrier!()(done) as typeof settle;
      },
    };
    const seen = tell("a", async () => {
      await thenable;
      const first = now();
      await 5;
      return [first, now()];
    });
    await timer();
    settle(1);
    assertEquals(now(), undefined);
    assertEquals(await seen, ["a", "a"]);
  });

  it("is refused where the object of another library may have resumed who asks", async () => {
    let settle!: () => void;
    const foreign = { then: (done: () => void) => void (settle = done) };
    const lost = tell("a", async () => {
      await (foreign as unknown as PromiseLike<void>);
      return now();
    });
    await timer();
    const error = assertThrows(() => store.get(), RuntimeError);
    assert(error.message.includes("wrapFuture("), error.message);
    settle();
    let thrown: unknown;
    await lost.catch((error) => thrown = error);
    assert(thrown instanceof RuntimeError, `${thrown}`);
    await timer();
    assertEquals(now(), undefined);
  });

  it("leaves promises as they are", async () => {
    await tell("a", async () => {
      const promise = Promise.resolve(1);
      assert(promise.constructor === Promise);
      assert(Promise.resolve(promise) === promise);
      class Own extends Promise<number> {}
      assert(Own.resolve(1) instanceof Own);
      assertEquals(await Own.resolve(3).then((n) => n + 1), 4);
      await timer();
    });
    const own = Promise.resolve(1) as Promise<number> & {
      constructor: unknown;
    };
    own.constructor = Object;
    assert(own.constructor === Object);
    assert(Promise.resolve().constructor === Promise);
  });

  it("an error that nobody handles is still told of", {
    // The others let no test hear of one.
    on: ["deno", "web"],
  }, async () => {
    const told = new Promise<void>((resolve) => {
      addEventListener("unhandledrejection", (event) => {
        event.preventDefault();
        event.stopImmediatePropagation();
        resolve();
      }, { once: true, capture: true });
    });
    await tell("a", async () => {
      await timer();
      void (async () => {
        await timer();
        throw new Error("nobody's");
      })();
    });
    await told;
  });
});

/** A generator of numbers that always gives the same ones. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 4) % below;
  };
}

describe("random programs that share promises", () => {
  for (let seed = 1; seed <= 30; seed++) {
    it(`keep to their own context, seed ${seed}`, {
      // What lost a race is left to itself.
      sanitize: false,
    }, async () => {
      const random = numbers(seed);
      const shared = Array.from({ length: 5 }, () => {
        let resolve!: () => void;
        const promise = new Promise<void>((done) => resolve = done);
        return { promise, resolve };
      });
      let wrong = 0;
      let looks = 0;
      const step = async (name: string, depth: number): Promise<void> => {
        const look = () => {
          looks++;
          if (now() !== name) wrong++;
        };
        for (let i = 0; i < 6; i++) {
          look();
          const { promise, resolve } = shared[random(shared.length)]!;
          switch (random(9)) {
            case 0:
              await timer(random(3));
              break;
            case 1:
              await 5;
              break;
            case 2:
              await Promise.race([promise, timer(2)]);
              break;
            case 3:
              resolve();
              break;
            case 4:
              if (depth > 0) await step(name, depth - 1);
              break;
            case 5:
              if (depth > 0) {
                await Promise.all([step(name, depth - 1), timer(random(2))]);
              }
              break;
            case 6:
              await timer(random(2)).then(look);
              break;
            case 7:
              if (depth > 0) {
                const inner = `${name}.${i}`;
                const ended = as(inner, () => step(inner, depth - 1));
                look();
                await ended;
              }
              break;
            default:
              await promise.constructor;
          }
          look();
        }
      };
      await Promise.all(
        [..."abcde"].map((name) => tell(name, () => step(name, 2))),
      );
      assert(looks > 60, `${looks} looks`);
      assertEquals(wrong, 0);
      assertEquals(now(), undefined);
    });
  }
});
