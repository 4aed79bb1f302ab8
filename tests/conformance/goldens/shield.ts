/** shield() and waitFor(). */
import { caught, reporting, scenario, slowToDie, stubborn } from "./_build.ts";
import type { Scenario } from "../types.ts";

const scenarios: Scenario[] = [
  scenario("shield: the result passes through", [
    ["await", ["shield", ["body", "child"]]],
    caught(["await", ["shield", ["body", "bad"]]]),
  ], {
    child: [["sleep", 1], ["return", "c"]],
    bad: [["sleep", 1], ["raise", ["Boom", "b"]]],
  }),
  scenario("shield: cancelling the outer leaves the inner running", [
    ["spawn", "inner", [["sleep", 3], ["log", "finished"], ["return", 1]]],
    ["spawn", "t", reporting(["await", ["shield", "inner"]])],
    ["sleep", 1],
    ["cancel", "t", "outer"],
    caught(["await", "t"]),
    ["query", "inner"],
    ["await", "inner"],
  ]),
  scenario("shield: cancelling the inner cancels the outer", [
    ["spawn", "inner", reporting(["sleep", 3])],
    ["set", "s", ["shield", "inner"]],
    ["sleep", 1],
    ["cancel", "inner", "in"],
    caught(["await", "s"]),
    ["query", "s"],
  ]),
  scenario("shield: a done inner is returned unchanged", [
    ["future", "f"],
    ["resolve", "f", 1],
    ["set", "s", ["shield", "f"]],
    ["query", "s"],
    ["soon", "x", [["log", "x"]]],
    ["await", "s"],
    ["log", "first"],
  ]),
  scenario("shield: the inner fails after the outer was cancelled", [
    ["spawn", "inner", [["sleep", 3], ["raise", ["Boom", "late"]]]],
    ["set", "s", ["shield", "inner"]],
    ["sleep", 1],
    ["cancel", "s"],
    caught(["await", "s"]),
    ["sleep", 3],
  ]),
  scenario("shield: several shields of one inner report its error once", [
    ["spawn", "inner", [["sleep", 3], ["raise", ["Boom", "late"]]]],
    ["set", "s1", ["shield", "inner"]],
    ["set", "s2", ["shield", "inner"]],
    ["yield"],
    ["cancel", "s1"],
    ["cancel", "s2"],
    ["sleep", 5],
  ]),
  scenario("shield: one shield cancelled, one still awaited", [
    ["spawn", "inner", [["sleep", 3], ["raise", ["Boom", "late"]]]],
    ["set", "s1", ["shield", "inner"]],
    ["set", "s2", ["shield", "inner"]],
    ["yield"],
    ["cancel", "s1"],
    caught(["await", "s2"]),
    ["sleep", 1],
  ]),
  scenario("shield: the inner succeeds after the outer was cancelled", [
    ["spawn", "inner", [["sleep", 3], ["return", "fine"]]],
    ["set", "s", ["shield", "inner"]],
    ["sleep", 1],
    ["cancel", "s"],
    ["sleep", 3],
    ["query", "s"],
    ["query", "inner"],
  ]),
  scenario("shield: the inner is cancelled after the outer was", [
    ["spawn", "inner", reporting(["sleep", 3])],
    ["set", "s", ["shield", "inner"]],
    ["sleep", 1],
    ["cancel", "s", "outer"],
    ["cancel", "inner", "inner"],
    ["sleep", 1],
    ["query", "inner"],
  ]),
  scenario("shield: inside gather, cancelled from outside", [
    ["spawn", "inner", [["sleep", 3], ["log", "kept"]]],
    ["set", "g", ["gather", [["shield", "inner"], ["body", "other"]]]],
    ["sleep", 1],
    ["cancel", "g"],
    caught(["await", "g"]),
    ["await", "inner"],
  ], { other: reporting(["sleep", 3]) }),
  scenario("shield: inside waitFor", [
    ["spawn", "inner", [["sleep", 3], ["return", "kept"]]],
    caught(["await", ["waitFor", ["shield", "inner"], 1]]),
    ["query", "inner"],
    ["await", "inner"],
  ]),
  scenario("shield: what is no awaitable is a TypeError", [
    caught(["await", ["shield", ["raw", 1]]]),
  ]),

  scenario("waitFor: in time", [
    ["await", ["waitFor", ["body", "child"], 2]],
    ["time"],
    ["await", ["waitFor", ["body", "child"], null]],
  ], { child: [["sleep", 1], ["return", "c"]] }),
  scenario("waitFor: too late cancels and raises TimeoutError", [
    caught(["await", ["waitFor", ["body", "child"], 1]]),
    ["time"],
    ["cancelling", "@self"],
  ], { child: reporting(["sleep", 5]) }),
  scenario("waitFor: a task that is too late is cancelled", [
    ["spawn", "a", reporting(["sleep", 5])],
    caught(["await", ["waitFor", "a", 1]]),
    ["query", "a"],
  ]),
  scenario("waitFor: it waits for the cleanup", [
    ["spawn", "a", slowToDie(3, ["sleep", 5])],
    caught(["await", ["waitFor", "a", 1]]),
    ["time"],
  ]),
  scenario("waitFor: a task that swallows the cancel gives its value", [
    ["spawn", "a", stubborn("late", ["sleep", 5])],
    ["await", ["waitFor", "a", 1]],
    ["await", ["waitFor", ["body", "child"], 1]],
  ], { child: stubborn("late too", ["sleep", 5]) }),
  scenario("waitFor: a task that fails of the cancel gives its error", [
    ["spawn", "a", [["try", {
      do: [["sleep", 5]],
      except: { CancelledError: [["raise", ["Boom", "cleanup"]]] },
    }]]],
    caught(["await", ["waitFor", "a", 1]]),
  ]),
  scenario("waitFor: zero, with a done future", [
    ["future", "f"],
    ["resolve", "f", "done"],
    ["soon", "s", [["log", "s"]]],
    ["await", ["waitFor", "f", 0]],
    ["await", ["waitFor", "f", -1]],
    ["log", "first"],
  ]),
  scenario("waitFor: zero, with a pending future", [
    ["future", "f"],
    caught(["await", ["waitFor", "f", 0]]),
    ["query", "f"],
  ]),
  scenario("waitFor: zero, with a fresh coroutine", [
    caught(["await", ["waitFor", ["body", "child"], 0]]),
    caught(["await", ["waitFor", ["body", "child"], -2]]),
  ], { child: [["log", "started"], ["yield"], ["return", 1]] }),
  scenario("waitFor: zero, with a task that is slow to die", [
    ["spawn", "a", slowToDie(2, ["sleep", 5])],
    ["yield"],
    caught(["await", ["waitFor", "a", 0]]),
    ["time"],
  ]),
  scenario("waitFor: zero, with a task that swallows", [
    ["spawn", "a", stubborn("kept", ["sleep", 5])],
    ["yield"],
    caught(["await", ["waitFor", "a", 0]]),
  ]),
  scenario("waitFor: cancelled from outside", [
    ["spawn", "a", reporting(["sleep", 5])],
    ["spawn", "w", reporting(["await", ["waitFor", "a", 3]])],
    ["sleep", 1],
    ["cancel", "w", "outside"],
    caught(["await", "w"]),
    ["query", "a"],
  ]),
  scenario("waitFor: an outside cancel that arrives with the expiry wins", [
    ["future", "f"],
    ["spawn", "w", reporting(["await", ["waitFor", "f", 1]])],
    ["later", "l", 1, [["cancel", "w", "tie"]]],
    caught(["await", "w"]),
  ]),
  scenario("waitFor: an outside cancel just before the expiry", [
    ["future", "f"],
    ["later", "l", 1, [["cancel", "w", "tie"]]],
    ["spawn", "w", reporting(["await", ["waitFor", "f", 1]])],
    caught(["await", "w"]),
  ]),
  scenario("waitFor: the value and the expiry in one moment, value first", [
    ["future", "f"],
    ["later", "l", 1, [["resolve", "f", "v"]]],
    caught(["await", ["waitFor", "f", 1]]),
  ]),
  scenario("waitFor: the value and the expiry in one moment, expiry first", [
    ["future", "f"],
    ["spawn", "w", [caught(["await", ["waitFor", "f", 1]])]],
    ["yield"],
    ["later", "l", 1, [caughtResolve()]],
    ["await", "w"],
  ]),
  scenario("waitFor: a coroutine runs in the same task", [
    ["await", ["waitFor", ["body", "child"], 1]],
    ["current"],
  ], { child: [["current"], ["return", 1]] }),
  scenario("waitFor: nested, the inner is sooner", [
    caught(["await", ["waitFor", ["waitFor", ["sleep", 9], 1], 2]]),
    ["time"],
  ]),
  scenario("waitFor: nested, the outer is sooner", [
    caught(["await", ["waitFor", ["waitFor", ["sleep", 9], 2], 1]]),
    ["time"],
  ]),
  scenario("waitFor: nested, both in one moment", [
    caught(["await", ["waitFor", ["waitFor", ["sleep", 9], 1], 1]]),
    ["time"],
    ["cancelling", "@self"],
  ]),
  scenario("waitFor: over gather", [
    caught(["await", ["waitFor", ["gather", [
      ["body", "a"],
      ["body", "b"],
    ]], 1]]),
    ["time"],
  ], {
    a: reporting(["sleep", 5]),
    b: slowToDie(1, ["sleep", 5]),
  }),
];

/** Resolving may find the future cancelled: an error for the handler. */
function caughtResolve(): ["resolve", string, string] {
  return ["resolve", "f", "v"];
}
export default scenarios;
