/** Task groups: exits of the program, late and eager tasks. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import {
  currentTask,
  KeyboardInterrupt,
  sleep,
  SystemExit,
  TaskGroup,
} from "../mod.ts";
import { show, worker } from "./_groups.ts";
import { it } from "./_harness.ts";
import {
  type Body,
  both,
  caught,
  outcome,
  spell,
  SPELLINGS,
} from "./_spell.ts";
import { virtualLoop } from "./_virtual.ts";

for (const Exit of [SystemExit, KeyboardInterrupt]) {
  both(
    `behaviour 52: ${Exit.name} in the body is raised bare, after the children`,
    function* (t) {
      const log: string[] = [];
      const work = worker(t, log);
      const exit = Exit === SystemExit
        ? new SystemExit(3)
        : new KeyboardInterrupt();
      const error = yield* caught(
        new TaskGroup().with(t.fn(function* (group: TaskGroup) {
          group.createTask(work("a", 5, null, 1));
          group.createTask(
            t.co(function* () {
              try {
                yield sleep(5);
              } catch {
                throw new RangeError("pushed aside");
              }
            })(),
          );
          yield sleep(1);
          throw exit;
        })),
      );
      assert(error === exit);
      assertEquals(log, ["a start", "a cancelled 1", "a clean"]);
      const [report] = t.reports.splice(0);
      assertEquals(
        show(report!.exception),
        "RangeError(pushed aside)",
      );
      assertInstanceOf(report!["taskGroup"], TaskGroup);
    },
  );
}

for (const spelling of SPELLINGS) {
  it(`behaviour 52: SystemExit in a child is raised bare too (${spelling})`, async () => {
    const log: unknown[] = [];
    const v = virtualLoop();
    const main = spell(spelling, function* (): Body {
      try {
        yield new TaskGroup().with(spell(spelling, function* (
          group: TaskGroup,
        ): Body {
          group.createTask(spell(spelling, function* (): Body {
            try {
              yield sleep(9);
            } finally {
              yield sleep(1);
              log.push("clean");
            }
          }));
          group.createTask(spell(spelling, function* (): Body {
            yield sleep(1);
            throw new SystemExit(4);
          }));
          yield sleep(5);
        }));
      } catch (error) {
        log.push(error, currentTask()!.cancelling());
        throw error;
      }
    });
    const task = v.loop.createTask(main);
    // The loop itself is left by it, and run again, as asyncio.run does.
    await assertRejects(() => v.loop.runUntilComplete(task), SystemExit);
    await assertRejects(() => v.loop.runUntilComplete(task), SystemExit);
    assertInstanceOf(task.exception(), SystemExit);
    v.loop.close();
    assertEquals([log[0], (log[1] as SystemExit).code], ["clean", 4]);
    assertEquals([log.slice(2), v.messages()], [[1], []]);
  });
}

both(
  "behaviour 53: tasks may be created while the group waits for others",
  function* (t) {
    const log: string[] = [];
    const work = worker(t, log);
    yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
      group.createTask(
        t.co(function* () {
          yield sleep(1);
          group.createTask(work("late", 1));
        })(),
      );
    }));
    log.push("left");
    assertEquals(log, ["late start", "late end", "left"]);
  },
);

both(
  "the body hears of a failure as a cancellation, even where it awaits the task",
  function* (t) {
    const error = yield* caught(
      new TaskGroup().with(t.fn(function* (group: TaskGroup) {
        const task = group.createTask(
          t.co(function* () {
            yield sleep(1);
            throw new RangeError("child");
          })(),
        );
        assertEquals(show(yield* caught(task)), "CancelledError()");
      })),
    );
    assertEquals(
      show(error),
      "unhandled errors in a TaskGroup[RangeError(child)]",
    );
  },
);

both("an eager task that ends at once is heard of later", function* (t) {
  const log: string[] = [];
  const error = yield* caught(
    new TaskGroup().with(t.fn(function* (group: TaskGroup) {
      const ended = function* () {
        throw new RangeError("eager");
      };
      const task = group.createTask(ended(), { eagerStart: true });
      log.push(`done ${task.done()}`, `${group.statistics().tasks}`);
      group.createTask(function* () {
        return 1;
      }, { eagerStart: true });
      log.push("goes on");
      yield sleep(0);
      log.push("not reached");
    })),
  );
  assertEquals(log, ["done true", "1", "goes on"]);
  assertEquals(
    show(error),
    "unhandled errors in a TaskGroup[RangeError(eager)]",
  );
});

both("options reach the task", function* ({ fn, co }) {
  const signal = AbortSignal.abort(new Error("gone"));
  yield new TaskGroup().with(fn(function* (group: TaskGroup) {
    const task = group.createTask(co(function* () {})(), {
      name: "named",
      signal,
    });
    assertEquals(task.getName(), "named");
    assertEquals(yield* outcome(task), "CancelledError(gone)");
  }));
});
