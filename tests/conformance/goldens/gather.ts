/** gather(). */
import { caught, reporting, scenario, slowToDie, stubborn } from "./_build.ts";
import type { Scenario } from "../types.ts";

const scenarios: Scenario[] = [
  scenario("gather: results in the order of the arguments", [
    ["await", ["gather", [["body", "slow"], ["body", "fast"], [
      "sleep",
      2,
      3,
    ]]]],
  ], {
    slow: [["sleep", 3], ["return", "s"]],
    fast: [["sleep", 1], ["return", "f"]],
  }),
  scenario("gather: nothing gathers to nothing", [
    ["set", "g", ["gather", []]],
    ["query", "g"],
    ["soon", "s", [["log", "s"]]],
    ["await", "g"],
    ["yield"],
    ["query", "g"],
    ["await", "g"],
  ]),
  scenario("gather: children start in order, in one turn", [
    ["set", "g", ["gather", [["body", "a"], ["body", "b"]]]],
    ["log", "gathered"],
    ["await", "g"],
  ], {
    a: [["log", "a"], ["yield"], ["log", "a2"]],
    b: [["log", "b"], ["yield"], ["log", "b2"]],
  }),
  scenario("gather: the first error settles it, the others run on", [
    caught(["await", ["gather", [
      ["body", "slow"],
      ["body", "bad"],
      ["body", "worse"],
    ]]]),
    ["log", "caught"],
    ["sleep", 5],
  ], {
    slow: [["sleep", 3], ["log", "slow done"], ["return", 1]],
    bad: [["sleep", 1], ["raise", ["Boom", "bad"]]],
    worse: [["sleep", 2], ["raise", ["Boom", "worse"]]],
  }),
  scenario("gather: with returnExceptions errors are results", [
    ["await", ["gather", [["body", "ok"], ["body", "bad"], ["body", "gone"]], {
      exceptions: true,
    }]],
  ], {
    ok: [["sleep", 1], ["return", 1]],
    bad: [["raise", ["Boom", "bad"]]],
    gone: [["raise", ["CancelledError", "by hand"]]],
  }),
  scenario("gather: a future given twice fills both slots", [
    ["future", "f"],
    ["later", "l", 1, [["resolve", "f", "once"]]],
    ["await", ["gather", ["f", ["sleep", 2, 1], "f"]]],
  ]),
  scenario("gather: a coroutine given twice runs once", [
    ["set", "c", ["body", "child"]],
    ["await", ["gather", ["c", "c", "c"]]],
  ], { child: [["sleep", 1], ["return", "once"]] }),
  scenario("gather: of done futures takes turns", [
    ["future", "f"],
    ["future", "g"],
    ["resolve", "f", 1],
    ["resolve", "g", 2],
    ["set", "o", ["gather", ["f", "g"]]],
    ["query", "o"],
    ["yield"],
    ["query", "o"],
    ["await", "o"],
  ]),
  scenario("gather: awaited, it wakes its waiter one turn after it settled", [
    ["future", "f"],
    ["spawn", "a", [["await", ["gather", ["f"]]], ["log", "woken"]]],
    ["yield"],
    ["resolve", "f", 1],
    ["spawn", "b", [["log", "b1"], ["yield"], ["log", "b2"], ["yield"], [
      "log",
      "b3",
    ]]],
    ["await", "b"],
  ]),
  scenario("gather: cancelling the outer cancels every child", [
    ["spawn", "a", reporting(["sleep", 5])],
    ["spawn", "b", reporting(["sleep", 6])],
    ["set", "g", ["gather", ["a", "b"]]],
    ["sleep", 1],
    ["cancel", "g", "all"],
    ["query", "g"],
    ["yield"],
    ["query", "g"],
    ["yield"],
    ["query", "g"],
    caught(["await", "g"]),
    ["query", "a"],
  ]),
  scenario("gather: cancelled outer settles after the slowest child", [
    ["spawn", "a", slowToDie(3, ["sleep", 10])],
    ["spawn", "b", reporting(["sleep", 10])],
    ["set", "g", ["gather", ["a", "b"]]],
    ["sleep", 1],
    ["cancel", "g", "out"],
    caught(["await", "g"]),
    ["query", "g"],
    caught(["exception", "g"]),
  ]),
  scenario("gather: cancelled outer with children that swallow it", [
    ["spawn", "a", stubborn("kept a", ["sleep", 10])],
    ["spawn", "b", stubborn("kept b", ["sleep", 10])],
    ["set", "g", ["gather", ["a", "b"]]],
    ["sleep", 1],
    ["cancel", "g", "out"],
    caught(["await", "g"]),
    ["query", "g"],
  ]),
  scenario("gather: cancelled outer with returnExceptions", [
    ["spawn", "a", reporting(["sleep", 10])],
    ["spawn", "b", stubborn("kept b", ["sleep", 10])],
    ["set", "g", ["gather", ["a", "b"], { exceptions: true }]],
    ["sleep", 1],
    ["cancel", "g", "out"],
    caught(["await", "g"]),
    ["query", "g"],
  ]),
  scenario("gather: cancel() is false when every child is done", [
    ["spawn", "a", [["return", 1]]],
    ["spawn", "b", [["return", 2]]],
    ["set", "g", ["gather", ["a", "b"]]],
    ["yield"],
    ["query", "a"],
    ["query", "g"],
    ["cancel", "g"],
    ["await", "g"],
    ["cancel", "g"],
  ]),
  scenario("gather: a child cancelled from outside raises from it", [
    ["spawn", "a", reporting(["sleep", 5])],
    ["spawn", "b", [["sleep", 2], ["return", "b"]]],
    ["set", "g", ["gather", ["a", "b"]]],
    ["sleep", 1],
    ["cancel", "a", "only a"],
    caught(["await", "g"]),
    ["query", "g"],
    ["query", "b"],
    ["await", "b"],
  ]),
  scenario("gather: a cancelled child is listed with returnExceptions", [
    ["spawn", "a", reporting(["sleep", 5])],
    ["spawn", "b", [["sleep", 2], ["return", "b"]]],
    ["set", "g", ["gather", ["a", "b"], { exceptions: true }]],
    ["sleep", 1],
    ["cancel", "a", "only a"],
    ["await", "g"],
  ]),
  scenario("gather: cancelling the awaiting task cancels the children", [
    [
      "spawn",
      "t",
      reporting(["await", ["gather", [
        ["body", "a"],
        ["body", "b"],
      ]]]),
    ],
    ["sleep", 1],
    ["cancel", "t", "from outside"],
    caught(["await", "t"]),
  ], {
    a: reporting(["sleep", 5]),
    b: slowToDie(1, ["sleep", 5]),
  }),
  scenario("gather: a child that fails during the cancel of the outer", [
    ["spawn", "a", [["try", {
      do: [["sleep", 9]],
      except: { CancelledError: [["raise", ["Boom", "late"]]] },
    }]]],
    ["spawn", "b", slowToDie(1, ["sleep", 9])],
    ["set", "g", ["gather", ["a", "b"]]],
    ["sleep", 1],
    ["cancel", "g"],
    caught(["await", "g"]),
    ["query", "b"],
  ]),
  scenario("gather: nested, cancelled from the outermost", [
    [
      "spawn",
      "t",
      reporting(["await", ["gather", [
        ["gather", [["body", "a"], ["body", "b"]]],
        ["body", "c"],
      ]]]),
    ],
    ["sleep", 1],
    ["cancel", "t", "deep"],
    caught(["await", "t"]),
  ], {
    a: reporting(["sleep", 5]),
    b: reporting(["sleep", 5]),
    c: reporting(["sleep", 5]),
  }),
  scenario("gather: nested, an inner error passes to the outer", [
    caught(["await", ["gather", [
      ["gather", [["body", "bad"], ["sleep", 3]]],
      ["sleep", 2],
    ]]]),
    ["sleep", 4],
  ], { bad: [["sleep", 1], ["raise", ["Boom", "in"]]] }),
  scenario("gather: nested with returnExceptions", [
    ["await", ["gather", [
      ["gather", [["body", "bad"]], { exceptions: true }],
      ["gather", [["body", "bad"]]],
      ["sleep", 1, "ok"],
    ], { exceptions: true }]],
  ], { bad: [["raise", ["Boom", "b"]]] }),
  scenario("gather: cancelled twice", [
    ["spawn", "a", slowToDie(2, ["sleep", 9])],
    ["set", "g", ["gather", ["a"]]],
    ["sleep", 1],
    ["cancel", "g", "one"],
    ["sleep", 1],
    ["cancel", "g", "two"],
    caught(["await", "g"]),
  ]),
  scenario("gather: errors after it is done are not reported", [
    ["spawn", "a", [["sleep", 1], ["raise", ["Boom", "a"]]]],
    ["spawn", "b", [["sleep", 2], ["raise", ["Boom", "b"]]]],
    caught(["await", ["gather", ["a", "b"]]]),
    ["sleep", 2],
    ["query", "b"],
  ]),
  scenario("gather: a done callback on the outer", [
    ["set", "g", ["gather", [["sleep", 1, "x"]]]],
    ["onDone", "g", "cb", [["result", "g"]]],
    ["await", "g"],
    ["log", "main"],
  ]),
  scenario("gather: setting a result on the outer by hand", [
    ["set", "g", ["gather", [["sleep", 1, "x"]]]],
    ["resolve", "g", "mine"],
    ["await", "g"],
    ["sleep", 2],
  ]),
  scenario("gather: what is no awaitable is a TypeError", [
    caught(["await", ["gather", [["raw", 3]]]]),
  ]),
  scenario("gather: KeyboardInterrupt of a child", [
    caught(["await", ["gather", [["body", "k"], ["body", "o"]]]]),
    ["log", "after"],
  ], {
    k: [["sleep", 1], ["raise", ["KeyboardInterrupt", "k"]]],
    o: [["sleep", 2], ["log", "o"]],
  }),
];
export default scenarios;
