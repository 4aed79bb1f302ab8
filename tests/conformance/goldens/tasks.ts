/** Tasks: starting, order, names, results, misuse. */
import { caught, scenario } from "./_build.ts";
import type { Scenario } from "../types.ts";

const scenarios: Scenario[] = [
  scenario("task: it starts in the next turn, in order of creation", [
    ["spawn", "a", [["log", "a"]]],
    ["spawn", "b", [["log", "b"]]],
    ["log", "created"],
    ["yield"],
    ["log", "after"],
  ]),
  scenario("task: awaiting gives its result", [
    ["spawn", "a", [["sleep", 1], ["return", 5]]],
    ["await", "a"],
    ["await", "a"],
    ["result", "a"],
  ]),
  scenario("task: awaiting raises its error, each time", [
    ["spawn", "a", [["raise", ["ValueError", "v"]]]],
    caught(["await", "a"]),
    caught(["await", "a"]),
    caught(["result", "a"]),
    ["exception", "a"],
  ]),
  scenario("task: sleep(0) yields exactly once", [
    ["spawn", "a", [["log", "a1"], ["sleep", 0], ["log", "a2"]]],
    ["spawn", "b", [["log", "b1"], ["sleep", 0], ["log", "b2"]]],
    ["log", "m1"],
    ["sleep", 0],
    ["log", "m2"],
    ["sleep", 0],
    ["log", "m3"],
    ["sleep", 0],
  ]),
  scenario("task: a bare yield is a turn too", [
    ["spawn", "a", [["log", "a1"], ["yield"], ["log", "a2"], ["yield"]]],
    ["yield"],
    ["log", "m1"],
    ["yield"],
    ["log", "m2"],
    ["yield"],
    ["query", "a"],
    ["yield"],
    ["query", "a"],
  ]),
  scenario("task: a negative sleep is a turn", [
    ["spawn", "a", [["log", "a"]]],
    ["sleep", -1],
    ["time"],
  ]),
  scenario("task: sleeping for NaN is a ValueError", [
    caught(["sleep", "nan"]),
  ]),
  scenario("task: sleep returns its result", [
    ["await", ["sleep", 1, "r"]],
    ["await", ["sleep", 0, "z"]],
    ["await", ["sleep", 0.5]],
  ]),
  scenario("task: equal deadlines wake in the order they were set", [
    ["spawn", "a", [["sleep", 1], ["log", "a"]]],
    ["spawn", "b", [["sleep", 1], ["log", "b"]]],
    ["spawn", "c", [["sleep", 0.5], ["sleep", 0.5], ["log", "c"]]],
    ["spawn", "d", [["sleep", 1], ["log", "d"]]],
    ["sleep", 1],
    ["log", "main"],
    ["sleep", 1],
  ]),
  scenario("task: sleeps end in order of deadline, not of start", [
    ["spawn", "a", [["sleep", 3], ["log", "a"]]],
    ["spawn", "b", [["sleep", 1], ["log", "b"]]],
    ["spawn", "c", [["sleep", 2], ["log", "c"]]],
    ["await", ["gather", ["a", "b", "c"]]],
  ]),
  scenario("task: awaiting a coroutine runs it in the same task", [
    ["await", ["body", "child"]],
    ["current"],
  ], {
    child: [["current"], ["sleep", 1], ["current"], ["return", "c"]],
  }),
  scenario("task: deep chains of coroutines share one task and one wake-up", [
    ["spawn", "t", [["await", ["body", "one"]]]],
    ["spawn", "u", [["sleep", 1], ["log", "u"]]],
    ["await", "t"],
  ], {
    one: [["await", ["body", "two"]], ["return", 1]],
    two: [["call", [["await", ["body", "three"]]]], ["return", 2]],
    three: [["call", [["call", [["sleep", 1], ["log", "deep"]]]]]],
  }),
  scenario("task: a coroutine that awaits nothing does not yield", [
    ["soon", "s", [["log", "s"]]],
    ["await", ["body", "quick"]],
    ["call", [["log", "called"]]],
    ["log", "still first"],
  ], { quick: [["return", 1]] }),
  scenario("task: a coroutine awaited twice is a RuntimeError", [
    ["set", "c", ["body", "child"]],
    ["await", "c"],
    caught(["await", "c"]),
  ], { child: [["return", 1]] }),
  scenario("task: errors pass through inline coroutines", [
    caught(["await", ["body", "one"]]),
  ], {
    one: [["try", {
      do: [["await", ["body", "two"]]],
      finally: [["log", "f"]],
    }]],
    two: [["sleep", 1], ["raise", ["Boom", "deep"]]],
  }),
  scenario("task: finally runs before an error goes on", [
    ["spawn", "a", [["try", {
      do: [["raise", ["Boom", "x"]]],
      finally: [["sleep", 1], ["log", "cleaned"]],
    }]]],
    caught(["await", "a"]),
  ]),
  scenario("task: an error in finally replaces the first", [
    caught(["try", {
      do: [["raise", ["Boom", "x"]]],
      finally: [["sleep", 1], ["raise", ["ValueError", "y"]]],
    }]),
  ]),
  scenario("task: raising another error from a handler", [
    caught(["try", {
      do: [["raise", ["Boom", "x"]]],
      except: { Boom: [["raiseFrom", ["RuntimeError", "y"], ["Boom", "c"]]] },
    }]),
  ]),
  scenario("task: return passes through finally", [
    ["await", ["body", "child"]],
  ], {
    child: [["try", {
      do: [["return", 1]],
      else: [["log", "never"]],
      finally: [["sleep", 1]],
    }]],
  }),
  scenario("task: current and all tasks", [
    ["current"],
    ["all"],
    ["spawn", "a", [["current"], ["all"], ["sleep", 1]]],
    ["all"],
    ["sleep", 0.5],
    ["all"],
    ["sleep", 1],
    ["all"],
    ["soon", "s", [["current"], ["all"]]],
    ["yield"],
  ]),
  scenario("task: names", [
    ["spawn", "a", [["name", "@self"]], { name: "given" }],
    ["spawn", "b", [["name", "@self"]], { name: null }],
    ["name", "a"],
    ["name", "b"],
    ["sleep", 1],
    ["name", "b"],
    ["rename", "a", "other"],
    ["name", "a"],
    ["rename", "a", 12],
    ["name", "a"],
  ]),
  scenario("task: a task refuses set_result and set_exception", [
    ["spawn", "a", [["sleep", 1], ["return", 1]]],
    caught(["resolve", "a", 2]),
    caught(["fail", "a", ["Boom", "b"]]),
    ["await", "a"],
  ]),
  scenario("task: one that awaits itself gets a RuntimeError", [
    ["spawn", "a", [caught(["await", "@self"]), ["return", "ok"]]],
    ["yield"],
    ["yield"],
    ["await", "a"],
  ]),
  scenario("task: one that awaits itself uncaught fails", [
    ["spawn", "a", [["await", "@self"]]],
    ["yield"],
    ["yield"],
    caught(["await", "a"]),
  ]),
  scenario("task: one that awaits itself, awaited by another before", [
    ["spawn", "a", [caught(["await", "@self"]), ["return", "ok"]], {
      eager: false,
    }],
    ["await", "a"],
  ]),
  scenario("task: one that awaits itself, awaited by another meanwhile", [
    ["spawn", "a", [caught(["await", "@self"]), ["return", "ok"]]],
    ["spawn", "b", [["await", "a"]]],
    ["yield"],
    ["yield"],
    ["yield"],
  ]),
  scenario("task: done callbacks of a task run before those added later", [
    ["spawn", "a", [["return", 1]]],
    ["onDone", "a", "one", [["log", "1"]]],
    ["spawn", "b", [["await", "a"], ["log", "b woken"]]],
    ["yield"],
    ["onDone", "a", "two", [["log", "2"]]],
    ["yield"],
    ["yield"],
  ]),
  scenario("task: awaiting a task that ended meanwhile does not yield", [
    ["spawn", "a", [["return", 1]]],
    ["yield"],
    ["soon", "s", [["log", "s"]]],
    ["await", "a"],
    ["log", "first"],
  ]),
  scenario("task: two tasks hand a value to and fro", [
    ["future", "ping"],
    ["future", "pong"],
    ["spawn", "a", [["resolve", "ping", 1], ["await", "pong"], ["log", "a"]]],
    ["spawn", "b", [["await", "ping"], ["resolve", "pong", 2], ["log", "b"]]],
    ["await", ["gather", ["a", "b"]]],
  ]),
  scenario("task: a task spawned by a callback", [
    ["soon", "s", [["spawn", "a", "child"], ["log", "spawned"]]],
    ["sleep", 1],
    ["await", "a"],
  ], { child: [["current"], ["return", "c"]] }),
  scenario("task: ensureFuture returns a future as it is", [
    ["future", "f"],
    ["resolve", "f", 1],
    ["ensure", "g", "f"],
    ["await", "g"],
    ["ensure", "t", ["body", "child"]],
    ["await", "t"],
    caught(["ensure", "no", ["raw", 3]]),
  ], { child: [["return", "c"]] }),
  scenario("task: what main leaves behind goes on when the loop runs again", [
    ["spawn", "a", [["log", "started"], ["sleep", 5], ["log", "done"]]],
    ["yield"],
  ]),
  scenario("task: the coroutine is there until the task is done", [
    ["spawn", "a", [["sleep", 1]]],
    ["coro", "a"],
    ["await", "a"],
    ["coro", "a"],
  ]),
];
export default scenarios;
