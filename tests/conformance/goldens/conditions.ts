/** Condition. */
import { caught, reporting, scenario, stubborn } from "./_build.ts";
import type { Op, Scenario } from "../types.ts";

/** Waits on the condition, logs, holds the lock for a while. */
function waiter(name: string, delay = 0): Op[] {
  return [["with", "c", [
    ["await", ["waitOn", "c"]],
    ["log", name],
    ["sleep", delay],
  ]]];
}

function locked(...ops: Op[]): Op {
  return ["with", "c", ops];
}

const scenarios: Scenario[] = [
  scenario("condition: notify wakes the first, who takes the lock again", [
    ["condition", "c"],
    ["spawn", "a", waiter("a")],
    ["spawn", "b", waiter("b")],
    ["yield"],
    locked(["notify", "c"], ["log", "notified"], ["sleep", 1], ["status", "c"]),
    ["await", "a"],
    locked(["notify", "c"]),
    ["await", "b"],
  ]),
  scenario("condition: notify of several, of more than wait, of none", [
    ["condition", "c"],
    ["spawn", "a", waiter("a", 1)],
    ["spawn", "b", waiter("b", 1)],
    ["spawn", "d", waiter("d", 1)],
    ["yield"],
    locked(["notify", "c", 0]),
    ["sleep", 1],
    locked(["notify", "c", 2]),
    ["sleep", 4],
    ["time"],
    locked(["notify", "c", 9]),
    ["await", "d"],
    locked(["notify", "c", 1]),
  ]),
  scenario("condition: notifyAll, one after the other", [
    ["condition", "c"],
    ["spawn", "a", waiter("a", 1)],
    ["spawn", "b", waiter("b", 1)],
    ["spawn", "d", waiter("d", 1)],
    ["yield"],
    locked(["notifyAll", "c"], ["sleep", 1]),
    ["await", ["gather", ["a", "b", "d"]]],
    ["time"],
  ]),
  scenario("condition: notified by two calls in one step", [
    ["condition", "c"],
    ["spawn", "a", waiter("a")],
    ["spawn", "b", waiter("b")],
    ["yield"],
    locked(["notify", "c"], ["notify", "c"]),
    ["await", ["gather", ["a", "b"]]],
  ]),
  scenario("condition: without the lock", [
    ["condition", "c"],
    caught(["await", ["waitOn", "c"]]),
    caught(["notify", "c"]),
    caught(["notifyAll", "c"]),
    caught(["release", "c"]),
    ["status", "c"],
  ]),
  scenario("condition: the lock in other hands counts as held", [
    ["condition", "c"],
    ["spawn", "a", waiter("a")],
    ["spawn", "b", [locked(["sleep", 2])]],
    ["sleep", 1],
    ["notify", "c"],
    ["await", "a"],
    ["time"],
  ]),
  scenario("condition: on a lock of its own choice", [
    ["lock", "l"],
    ["condition", "c", "l"],
    ["spawn", "a", waiter("a")],
    ["yield"],
    ["with", "l", [["status", "c"], ["notify", "c"], ["sleep", 1]]],
    ["await", "a"],
    ["status", "l"],
  ]),
  scenario("condition: two on one lock", [
    ["lock", "l"],
    ["condition", "c", "l"],
    ["condition", "d", "l"],
    ["spawn", "a", [["with", "c", [
      ["await", ["waitOn", "c"]],
      ["log", "a"],
      ["notify", "d"],
    ]]]],
    ["spawn", "b", [["with", "d", [["await", ["waitOn", "d"]], ["log", "b"]]]]],
    ["yield"],
    ["with", "l", [["notify", "c"]]],
    ["await", ["gather", ["a", "b"]]],
  ]),
  scenario("condition: cancelled while waiting, it takes the lock first", [
    ["condition", "c"],
    ["spawn", "a", reporting(...waiter("a"))],
    ["yield"],
    locked(
      ["cancel", "a", "m"],
      ["sleep", 1],
      ["query", "a"],
    ),
    caught(["await", "a"]),
    ["status", "c"],
  ]),
  scenario("condition: cancelled several times while taking the lock", [
    ["condition", "c"],
    ["spawn", "a", reporting(...waiter("a"))],
    ["yield"],
    locked(
      ["cancel", "a", "one"],
      ["sleep", 1],
      ["cancel", "a", "two"],
      ["sleep", 1],
      ["cancel", "a", "three"],
      ["cancelling", "a"],
      ["sleep", 1],
    ),
    caught(["await", "a"]),
    ["time"],
  ]),
  scenario("condition: notified, then cancelled while taking the lock", [
    ["condition", "c"],
    ["spawn", "a", reporting(...waiter("a"))],
    ["spawn", "b", waiter("b")],
    ["yield"],
    locked(["notify", "c"], ["sleep", 1], ["cancel", "a", "m"], ["sleep", 1]),
    caught(["await", "a"]),
    ["await", "b"],
    ["time"],
  ]),
  scenario("condition: notified and cancelled in one step", [
    ["condition", "c"],
    ["spawn", "a", reporting(...waiter("a"))],
    ["spawn", "b", waiter("b")],
    ["yield"],
    locked(["notify", "c"], ["cancel", "a"]),
    caught(["await", "a"]),
    caught(["await", ["waitFor", "b", 1]]),
  ]),
  scenario("condition: cancelled and notified in one step", [
    ["condition", "c"],
    ["spawn", "a", reporting(...waiter("a"))],
    ["spawn", "b", waiter("b")],
    ["yield"],
    locked(["cancel", "a"], ["notify", "c"]),
    caught(["await", "a"]),
    caught(["await", ["waitFor", "b", 1]]),
  ]),
  scenario("condition: cancelled, the lost wake-up spuriously wakes another", [
    ["condition", "c"],
    ["spawn", "a", reporting(...waiter("a"))],
    ["spawn", "b", waiter("b")],
    ["yield"],
    ["cancel", "a"],
    caught(["await", "a"]),
    ["await", ["waitFor", "b", 1]],
  ]),
  scenario(
    "condition: a waiter that swallows its cancellation holds the lock",
    [
      ["condition", "c"],
      ["spawn", "a", [locked(
        caught(["await", ["waitOn", "c"]]),
        ["status", "c"],
        ["sleep", 1],
      )]],
      ["yield"],
      ["cancel", "a"],
      ["spawn", "b", [locked(["log", "b"])]],
      ["await", ["gather", ["a", "b"]]],
    ],
  ),
  scenario("condition: a timeout around the wait", [
    ["condition", "c"],
    locked(
      caught(["timeout", "t", 1, [["await", ["waitOn", "c"]]]]),
      ["status", "c"],
    ),
    ["status", "c"],
    ["cancelling", "@self"],
  ]),
  scenario("condition: a timeout, with the lock held elsewhere meanwhile", [
    ["condition", "c"],
    ["spawn", "a", [locked(
      caught(["timeout", "t", 1, [["await", ["waitOn", "c"]]]]),
      ["time"],
    )]],
    ["yield"],
    locked(["sleep", 3], ["notify", "c"]),
    ["await", "a"],
    ["expired", "t"],
  ]),
  scenario("condition: waitFor around the wait holds the lock at its end", [
    ["condition", "c"],
    locked(
      caught(["await", ["waitFor", ["waitOn", "c"], 1]]),
      ["status", "c"],
    ),
    ["status", "c"],
  ]),
  scenario("condition: waitUntil looks first, then after each wake-up", [
    ["condition", "c"],
    ["spawn", "a", [locked(
      ["await", ["waitUntil", "c", "n", 2]],
      ["log", "a"],
    )]],
    ["yield"],
    locked(["bump", "n"], ["notifyAll", "c"]),
    ["sleep", 1],
    locked(["bump", "n"], ["notifyAll", "c"]),
    ["await", "a"],
    locked(["await", ["waitUntil", "c", "n", 1]]),
  ]),
  scenario("condition: waitUntil, true at once needs no lock", [
    ["condition", "c"],
    ["bump", "n"],
    ["await", ["waitUntil", "c", "n", 1]],
    caught(["await", ["waitUntil", "c", "n", 2]]),
  ]),
  scenario("condition: waitUntil, a predicate that raises keeps the lock", [
    ["condition", "c"],
    ["spawn", "a", [locked(
      caught(["await", ["waitUntil", "c", "n", 2, [["log", "looks"]]]]),
      ["status", "c"],
    )]],
    locked(caught(
      ["await", ["waitUntil", "c", "n", 2, [["raise", ["Boom", "p"]]]]],
    )),
    ["yield"],
    locked(["bump", "n", 2], ["notify", "c"]),
    ["await", "a"],
    ["status", "c"],
  ]),
  scenario("condition: waitUntil, cancelled between two wake-ups", [
    ["condition", "c"],
    ["spawn", "a", reporting(locked(["await", ["waitUntil", "c", "n", 9]]))],
    ["spawn", "b", [locked(["await", ["waitUntil", "c", "n", 1]])]],
    ["yield"],
    locked(["bump", "n"], ["notify", "c"]),
    ["cancel", "a", "m"],
    caught(["await", "a"]),
    caught(["await", ["waitFor", "b", 1]]),
  ]),
  scenario("condition: producer and two consumers", [
    ["condition", "c"],
    ["spawn", "a", [locked(
      ["await", ["waitUntil", "c", "n", 1]],
      ["bump", "n", -1],
    )]],
    ["spawn", "b", [locked(
      ["await", ["waitUntil", "c", "n", 1]],
      ["bump", "n", -1],
    )]],
    ["yield"],
    locked(["bump", "n"], ["notifyAll", "c"]),
    ["sleep", 1],
    locked(["bump", "n"], ["notifyAll", "c"]),
    ["await", ["gather", ["a", "b"]]],
  ]),
  scenario("condition: stubborn waiters and notifyAll in one step", [
    ["condition", "c"],
    ["spawn", "a", stubborn("a", ...waiter("a", 1))],
    ["spawn", "b", stubborn("b", ...waiter("b", 1))],
    ["yield"],
    locked(["notifyAll", "c"], ["cancel", "b"], ["yield"], ["cancel", "a"]),
    ["await", ["gather", ["a", "b"]]],
  ]),
];

export default scenarios;
