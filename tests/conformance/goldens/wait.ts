/** wait() and asCompleted(). */
import { caught, reporting, scenario } from "./_build.ts";
import type { Op, Scenario } from "../types.ts";

const three: Op[] = [
  ["spawn", "a", [["sleep", 1], ["return", "a"]]],
  ["spawn", "b", [["sleep", 2], ["raise", ["Boom", "b"]]]],
  ["spawn", "c", [["sleep", 3], ["return", "c"]]],
];

const scenarios: Scenario[] = [
  scenario("wait: for all", [...three, ["wait", ["a", "b", "c"]], ["time"]]),
  scenario("wait: for the first completed", [
    ...three,
    ["wait", ["a", "b", "c"], { when: "FIRST_COMPLETED" }],
    ["wait", ["a", "b", "c"], { when: "FIRST_COMPLETED" }],
    ["wait", ["b", "c"], { when: "FIRST_COMPLETED" }],
  ]),
  scenario("wait: for the first exception", [
    ...three,
    ["wait", ["a", "b", "c"], { when: "FIRST_EXCEPTION" }],
    ["time"],
  ]),
  scenario("wait: a cancelled one is no exception", [
    ["spawn", "a", reporting(["sleep", 5])],
    ["spawn", "b", [["sleep", 3]]],
    ["later", "l", 1, [["cancel", "a"]]],
    ["wait", ["a", "b"], { when: "FIRST_EXCEPTION" }],
  ]),
  scenario("wait: a timeout cancels nothing", [
    ...three,
    ["wait", ["a", "b", "c"], { timeout: 1.5 }],
    ["sleep", 2],
    ["query", "c"],
  ]),
  scenario("wait: a timeout of zero looks once", [
    ...three,
    ["sleep", 1],
    ["wait", ["a", "b", "c"], { timeout: 0 }],
    ["wait", ["a", "b", "c"], { timeout: -1 }],
    ["wait", ["a", "b", "c"], { timeout: null }],
  ]),
  scenario("wait: already done does not yield", [
    ["future", "f"],
    ["resolve", "f", 1],
    ["soon", "s", [["log", "s"]]],
    ["wait", ["f"]],
    ["log", "first"],
  ]),
  scenario("wait: the same future twice is one", [
    ["future", "f"],
    ["later", "l", 1, [["resolve", "f", 1]]],
    ["wait", ["f", "f"]],
  ]),
  scenario("wait: being cancelled leaves the tasks alone", [
    ...three,
    ["spawn", "w", reporting(["wait", ["a", "b", "c"]])],
    ["sleep", 0.5],
    ["cancel", "w", "waiter"],
    caught(["await", "w"]),
    ["query", "a"],
    ["sleep", 1],
    ["query", "a"],
  ]),
  scenario("wait: of nothing is a ValueError", [caught(["wait", []])]),
  scenario("wait: a coroutine is forbidden", [
    caught(["wait", [["body", "child"]]]),
  ], { child: [["return", 1]] }),
  scenario("wait: an unknown condition is a ValueError", [
    ["future", "f"],
    caught(["wait", ["f"], { when: "SOMETIMES" }]),
  ]),
  scenario("wait: deadline and completion in one moment", [
    ["spawn", "a", [["sleep", 1], ["return", "a"]]],
    ["yield"],
    ["wait", ["a"], { timeout: 1 }],
    ["query", "a"],
    ["sleep", 0],
    ["query", "a"],
  ]),
  scenario("wait: completions of one turn are reported together", [
    ["future", "f"],
    ["future", "g"],
    ["future", "h"],
    ["later", "l", 1, [["resolve", "f"], ["resolve", "g"]]],
    ["wait", ["f", "g", "h"], { when: "FIRST_COMPLETED" }],
  ]),
  scenario("wait: what completes while its waiter wakes is reported too", [
    ["future", "f"],
    ["future", "g"],
    ["later", "l", 1, [["resolve", "f"], ["soon", "s", [["resolve", "g"]]]]],
    ["wait", ["f", "g"], { when: "FIRST_COMPLETED" }],
  ]),
  scenario("wait: of gathered and shielded futures", [
    ["set", "g", ["gather", [["sleep", 1], ["sleep", 2]]]],
    ["set", "s", ["shield", ["sleep", 3]]],
    ["wait", ["g", "s"], { when: "FIRST_COMPLETED" }],
    ["wait", ["g", "s"]],
  ]),

  scenario("asCompleted: plain iteration, in order of completion", [
    ["asCompleted", [["sleep", 3, "c"], ["sleep", 1, "a"], ["sleep", 2, "b"]]],
    ["time"],
  ]),
  scenario("asCompleted: async iteration yields the tasks themselves", [
    ...three,
    ["asCompleted", ["c", "b", "a"], { style: "async" }],
  ]),
  scenario("asCompleted: plain iteration raises from the item", [
    ...three,
    ["asCompleted", ["c", "b", "a"]],
  ]),
  scenario("asCompleted: async iteration of coroutines", [
    ["asCompleted", [["body", "x"], ["body", "y"]], { style: "async" }],
  ], {
    x: [["sleep", 2], ["return", "x"]],
    y: [["sleep", 1], ["raise", ["ValueError", "y"]]],
  }),
  scenario("asCompleted: duplicates collapse", [
    ["future", "f"],
    ["later", "l", 1, [["resolve", "f", "once"]]],
    ["asCompleted", ["f", "f", ["sleep", 2, "s"]]],
    ["asCompleted", ["f", "f"], { style: "async" }],
  ]),
  scenario("asCompleted: a timeout raises for every item left, plain", [
    ...three,
    ["asCompleted", ["a", "b", "c"], { timeout: 1.5 }],
    ["query", "c"],
    ["sleep", 2],
    ["query", "c"],
  ]),
  scenario("asCompleted: a timeout raises from async iteration", [
    ...three,
    caught(["asCompleted", ["a", "b", "c"], { timeout: 1.5, style: "async" }]),
    ["query", "c"],
  ]),
  scenario("asCompleted: a timeout of zero", [
    ["future", "f"],
    ["resolve", "f", 1],
    caught(["asCompleted", ["f", ["sleep", 1]], { timeout: 0 }]),
    caught(["asCompleted", ["f", ["sleep", 1]], {
      timeout: 0,
      style: "async",
    }]),
  ]),
  scenario("asCompleted: a negative timeout and none", [
    caught(["asCompleted", [["sleep", 1]], { timeout: -1 }]),
    caught(["asCompleted", [["sleep", 1, "x"]], { timeout: null }]),
  ]),
  scenario("asCompleted: of nothing", [
    ["asCompleted", []],
    ["asCompleted", [], { style: "async", timeout: 1 }],
    ["log", "nothing"],
  ]),
  scenario("asCompleted: slow work between the items", [
    ...three,
    ["asCompleted", ["a", "b", "c"], { do: [["sleep", 1.5], ["time"]] }],
    ["asCompleted", ["a", "b", "c"], {
      style: "async",
      do: [["sleep", 0], ["time"]],
    }],
  ]),
  scenario("asCompleted: done futures come in the order given", [
    ["future", "f"],
    ["future", "g"],
    ["future", "h"],
    ["resolve", "h", "h"],
    ["resolve", "f", "f"],
    ["resolve", "g", "g"],
    ["asCompleted", ["f", "g", "h"], { style: "async" }],
  ]),
  scenario("asCompleted: left early", [
    ...three,
    ["asCompleted", ["a", "b", "c"], { limit: 1 }],
    ["asCompleted", ["b", "c"], { limit: 1, style: "async", timeout: 9 }],
    ["query", "c"],
  ]),
  scenario("asCompleted: cancelled while waiting for an item", [
    ...three,
    [
      "spawn",
      "w",
      reporting(["asCompleted", ["a", "b", "c"], {
        style: "async",
      }]),
    ],
    ["sleep", 1.5],
    ["cancel", "w", "mid"],
    caught(["await", "w"]),
    ["query", "b"],
  ]),
  scenario("asCompleted: a cancelled item", [
    ["spawn", "a", reporting(["sleep", 5])],
    ["later", "l", 1, [["cancel", "a", "it"]]],
    caught(["asCompleted", ["a"]]),
    caught(["asCompleted", ["a"], { style: "async" }]),
  ]),
  scenario("asCompleted: what is no awaitable is a TypeError", [
    caught(["asCompleted", [["raw", 3]]]),
  ]),
];
export default scenarios;
