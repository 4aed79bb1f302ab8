/** timeout() and timeoutAt(). */
import { caught, reporting, scenario, stubborn } from "./_build.ts";
import type { Scenario } from "../types.ts";

const scenarios: Scenario[] = [
  scenario("timeout: in time", [
    ["timeout", "t", 2, [["expired", "t"], ["sleep", 1], ["when", "t"]]],
    ["expired", "t"],
    ["sleep", 3],
  ]),
  scenario("timeout: expired", [
    caught(["timeout", "t", 1, reporting(["sleep", 5])]),
    ["expired", "t"],
    ["cancelling", "@self"],
    ["sleep", 1],
    ["log", "free again"],
  ]),
  scenario("timeout: null never expires", [
    ["timeout", "t", null, [["when", "t"], ["sleep", 100]]],
    ["expired", "t"],
  ]),
  scenario("timeout: null, given a deadline inside", [
    caught(["timeout", "t", null, [
      ["sleep", 1],
      ["reschedule", "t", 1],
      ["when", "t"],
      ["sleep", 5],
    ]]),
    ["time"],
  ]),
  scenario("timeout: at a point in time", [
    ["sleep", 1],
    caught(["timeoutAt", "t", 3, [["sleep", 5]]]),
    ["when", "t"],
    ["timeoutAt", "u", null, [["sleep", 1]]],
  ]),
  scenario("timeout: zero runs the body to its first await", [
    caught(["timeout", "t", 0, [["log", "in"], ["sleep", 1], ["log", "no"]]]),
    ["expired", "t"],
  ]),
  scenario("timeout: zero with a body that never yields", [
    ["timeout", "t", 0, [["log", "in"]]],
    ["expired", "t"],
    ["yield"],
    ["log", "not cancelled"],
  ]),
  scenario("timeout: zero with a single yield", [
    caught(["timeout", "t", 0, [["yield"], ["log", "x"]]]),
    caught(["timeout", "u", 0, [["yield"], ["yield"], ["log", "y"]]]),
  ]),
  scenario("timeout: negative", [
    caught(["timeout", "t", -5, [["log", "in"], ["sleep", 1]]]),
    ["when", "t"],
  ]),
  scenario("timeout: already expired at a past time", [
    ["sleep", 5],
    caught(["timeoutAt", "t", 1, [["log", "in"], ["sleep", 1]]]),
    ["timeoutAt", "u", 1, [["log", "in"]]],
    ["expired", "u"],
  ]),
  scenario("timeout: past, with a done future awaited", [
    ["future", "f"],
    ["resolve", "f", 1],
    ["sleep", 1],
    ["timeoutAt", "t", 0.5, [["await", "f"], ["log", "through"]]],
  ]),
  scenario("timeout: moved on in time", [
    ["timeout", "t", 2, [
      ["sleep", 1],
      ["reschedule", "t", 3],
      ["sleep", 2],
      ["reschedule", "t", null],
      ["when", "t"],
      ["sleep", 9],
    ]],
    ["expired", "t"],
  ]),
  scenario("timeout: moved to the past from another task", [
    ["spawn", "a", [["sleep", 1], ["reschedule", "t", -1]]],
    caught(["timeout", "t", 9, [["sleep", 5]]]),
    ["time"],
  ]),
  scenario("timeout: moved while expiring", [
    caught(["timeout", "t", 1, [["try", {
      do: [["sleep", 5]],
      except: {
        CancelledError: [caught(["reschedule", "t", 5]), ["reraise"]],
      },
    }]]]),
  ]),
  scenario("timeout: moved when finished, expired or new", [
    ["timeout", "t", 5, []],
    caught(["reschedule", "t", 1]),
    caught(["timeout", "u", 1, [["sleep", 5]]]),
    caught(["reschedule", "u", 1]),
    ["makeTimeout", "n", 1],
    caught(["reschedule", "n", 1]),
  ]),
  scenario("timeout: entered twice", [
    ["timeout", "t", 5, [caught(["enter", "t", [["log", "no"]]])]],
    caught(["enter", "t", [["log", "no"]]]),
  ]),
  scenario("timeout: the clock starts where it was made, not entered", [
    ["makeTimeout", "t", 2],
    ["sleep", 1],
    caught(["enter", "t", [["sleep", 5]]]),
    ["time"],
  ]),
  scenario("timeout: made long before it is entered", [
    ["makeTimeout", "t", 1],
    ["sleep", 5],
    caught(["enter", "t", [["log", "in"], ["sleep", 5]]]),
    ["time"],
  ]),
  scenario(
    "timeout: outside any task is a RuntimeError",
    [
      ["yield"],
    ],
    {},
    {
      drive: [["makeTimeout", "t", 1], ["makeTimeoutAt", "u", 1], [
        "run",
        "main",
      ]],
    },
  ),
  scenario("timeout: nested, the inner is sooner", [
    ["timeout", "o", 3, [
      caught(["timeout", "i", 1, reporting(["sleep", 9])]),
      ["log", "between"],
      ["sleep", 1],
    ]],
    ["expired", "o"],
    ["cancelling", "@self"],
  ]),
  scenario("timeout: nested, the outer is sooner", [
    caught(["timeout", "o", 1, [
      caughtOnly(["timeout", "i", 3, reporting(["sleep", 9])]),
    ]]),
    ["expired", "i"],
    ["expired", "o"],
    ["cancelling", "@self"],
  ]),
  scenario("timeout: nested, both in one moment", [
    caught(["timeout", "o", 1, [
      caughtOnly(["timeout", "i", 1, reporting(["sleep", 9])]),
    ]]),
    ["expired", "i"],
    ["expired", "o"],
    ["cancelling", "@self"],
  ]),
  scenario("timeout: nested, the inner swallowed, the outer goes on", [
    caught(["timeout", "o", 2, [
      caught(["timeout", "i", 1, [["sleep", 9]]]),
      caught(["timeout", "j", 5, [["sleep", 9]]]),
      ["log", "no"],
    ]]),
    ["time"],
  ]),
  scenario("timeout: three deep in one moment", [
    caught(["timeout", "a", 1, [
      ["timeout", "b", 1, [["timeout", "c", 1, [["sleep", 9]]]]],
    ]]),
    ["expired", "a"],
    ["expired", "b"],
    ["expired", "c"],
    ["cancelling", "@self"],
  ]),
  scenario("timeout: a cancel from outside stays a CancelledError", [
    ["spawn", "a", [["timeout", "t", 5, [["sleep", 9]]]]],
    ["sleep", 1],
    ["cancel", "a", "outside"],
    caught(["await", "a"]),
    ["expired", "t"],
  ]),
  scenario("timeout: a cancel from outside in the moment of expiry wins", [
    ["spawn", "a", [["timeout", "t", 1, [["sleep", 9]]]]],
    ["later", "l", 1, [["cancel", "a", "outside"]]],
    caught(["await", "a"]),
    ["expired", "t"],
    ["cancelling", "a"],
  ]),
  scenario("timeout: a cancel from outside just before expiry", [
    ["later", "l", 1, [["cancel", "a", "outside"]]],
    ["spawn", "a", [["timeout", "t", 1, [["sleep", 9]]]]],
    caught(["await", "a"]),
    ["expired", "t"],
    ["cancelling", "a"],
  ]),
  scenario("timeout: a cancel from outside during the cleanup", [
    ["spawn", "a", [["timeout", "t", 1, [["try", {
      do: [["sleep", 9]],
      finally: [["sleep", 3]],
    }]]]]],
    ["sleep", 2],
    ["cancel", "a", "outside"],
    caught(["await", "a"]),
    ["expired", "t"],
  ]),
  scenario("timeout: a task cancelled before still times out", [
    ["spawn", "a", [
      caught(["sleep", 9]),
      ["cancelling", "@self"],
      caught(["timeout", "t", 1, [["sleep", 9]]]),
      ["cancelling", "@self"],
    ]],
    ["yield"],
    ["cancel", "a"],
    ["await", "a"],
  ]),
  scenario("timeout: another error during expiry passes through", [
    caught(["timeout", "t", 1, [["try", {
      do: [["sleep", 9]],
      except: { CancelledError: [["raise", ["Boom", "instead"]]] },
    }]]]),
    ["expired", "t"],
    ["cancelling", "@self"],
  ]),
  scenario("timeout: an error before expiry passes through", [
    caught(["timeout", "t", 1, [["raise", ["Boom", "early"]]]]),
    ["expired", "t"],
    ["sleep", 2],
  ]),
  scenario("timeout: a body that swallows the cancel leaves quietly", [
    ["timeout", "t", 1, [caught(["sleep", 9]), ["log", "swallowed"]]],
    ["expired", "t"],
    ["cancelling", "@self"],
    ["sleep", 1],
  ]),
  scenario("timeout: a body that uncancels inside", [
    caught(["timeout", "t", 1, [["try", {
      do: [["sleep", 9]],
      except: { CancelledError: [["uncancel", "@self"], ["reraise"]] },
    }]]]),
    ["cancelling", "@self"],
  ]),
  scenario("timeout: a CancelledError raised by hand is not a timeout", [
    ["spawn", "a", [["timeout", "t", 1, [["raise", [
      "CancelledError",
      "hand",
    ]]]]]],
    caught(["await", "a"]),
    ["expired", "t"],
  ]),
  scenario("timeout: a cancelled future inside is not a timeout", [
    ["future", "f"],
    ["later", "l", 1, [["cancel", "f", "fut"]]],
    ["spawn", "a", [["timeout", "t", 5, [["await", "f"]]]]],
    caught(["await", "a"]),
  ]),
  scenario("timeout: a child task that swallows the cancel", [
    ["spawn", "child", stubborn("kept", ["sleep", 9])],
    ["timeout", "t", 1, [["await", "child"]]],
    ["expired", "t"],
    ["cancelling", "@self"],
  ]),
  scenario("timeout: the body's own TimeoutError", [
    caught(["timeout", "t", 1, [["raise", ["TimeoutError", "mine"]]]]),
    ["expired", "t"],
  ]),
  scenario("timeout: a value returned from inside", [
    ["await", ["body", "child"]],
  ], { child: [["timeout", "t", 1, [["sleep", 0.5], ["return", "in"]]]] }),
  scenario("timeout: expiry in the moment the body's sleep ends", [
    caught(["timeout", "t", 1, [["sleep", 1], ["log", "through"]]]),
    ["expired", "t"],
  ]),
  scenario("timeout: a sleep that ends in the moment of expiry, first", [
    ["spawn", "a", [["sleep", 1], ["resolve", "f", 1]]],
    ["future", "f"],
    ["yield"],
    caught(["timeout", "t", 1, [["await", "f"]]]),
    ["expired", "t"],
  ]),
  scenario("timeout: in two tasks at once", [
    ["spawn", "a", [caught(["timeout", "t", 1, [["sleep", 9]]])]],
    ["spawn", "b", [caught(["timeout", "u", 1, [["sleep", 9]]])]],
    ["await", ["gather", ["a", "b"]]],
  ]),
  scenario("timeout: around gather and wait", [
    caught(["timeout", "t", 1, [["await", ["gather", [
      ["body", "a"],
      ["body", "a"],
    ]]]]]),
    ["spawn", "w", [["sleep", 9]]],
    caught(["timeout", "u", 1, [["wait", ["w"]]]]),
    ["query", "w"],
  ], { a: reporting(["sleep", 9]) }),
];

/** `try` that logs a TimeoutError and lets the rest pass. */
function caughtOnly(op: Parameters<typeof caught>[0]): typeof op {
  return ["try", { do: [op], except: { TimeoutError: [["log", "inner"]] } }];
}
export default scenarios;
