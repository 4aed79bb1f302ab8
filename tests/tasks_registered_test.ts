/** Tasks of another class, which say themselves when they begin and end. */

import { assert, assertEquals } from "@std/assert";
import { allTasks, currentTask, Future, getRunningLoop, run } from "../mod.ts";
import {
  _registerEagerTask,
  _registerTask,
  _unregisterEagerTask,
  _unregisterTask,
} from "../tasks.ts";
import { describe, it } from "./_harness.ts";

/** A task that is none of the library's. */
class OwnTask extends Future<void> {}

const others = () =>
  [...allTasks()].filter((task) => task !== currentTask()) as unknown[];

describe("a task of another class", () => {
  it("is among all tasks from its registration to its end", () =>
    run(async () => {
      const loop = getRunningLoop();
      const [one, two] = [new OwnTask({ loop }), new OwnTask({ loop })];
      _registerTask(one);
      _registerEagerTask(two);
      assertEquals(others().length, 2);
      assert(others().includes(one) && others().includes(two));
      one.setResult();
      assertEquals(others(), [two]);
      _unregisterTask(one);
      _unregisterEagerTask(two);
      assertEquals(others(), []);
    }));

  it("that is registered or taken off twice is there once, or not", () =>
    run(async () => {
      const task = new OwnTask({ loop: getRunningLoop() });
      _registerTask(task);
      _registerTask(task);
      assertEquals(others(), [task]);
      _unregisterTask(task);
      _unregisterTask(task);
      assertEquals(others(), []);
    }));
});
