/** The loop: callbacks, timers, stopping, running again, what escapes. */
import { caught, scenario } from "./_build.ts";
import type { Op, Scenario, SyncOp } from "../types.ts";

const say = (text: string): SyncOp[] => [["log", text]];
const nothing: Op[] = [];

const scenarios: Scenario[] = [
  scenario("loop: callbacks run in order, one turn at a time", [
    ["soon", "a", [["log", "a"], ["soon", "c", say("c")]]],
    ["soon", "b", say("b")],
    ["log", "m"],
    ["yield"],
    ["log", "m2"],
    ["yield"],
    ["log", "m3"],
  ]),
  scenario("loop: a cancelled callback does not run", [
    ["soon", "a", say("a")],
    ["soon", "b", say("b")],
    ["cancel", "a"],
    ["handle", "a"],
    ["cancel", "a"],
    ["yield"],
    ["handle", "b"],
    ["cancel", "b"],
    ["handle", "b"],
  ]),
  scenario("loop: a callback that cancels the next one", [
    ["soon", "a", [["cancel", "b"]]],
    ["soon", "b", say("never")],
    ["yield"],
  ]),
  scenario("loop: timers by deadline, equal ones as scheduled", [
    ["later", "c", 3, say("c")],
    ["later", "a", 1, say("a")],
    ["at", "b", 2, say("b")],
    ["later", "a2", 1, say("a2")],
    ["at", "a3", 1, say("a3")],
    ["later", "a4", 1, say("a4")],
    ["handle", "b"],
    ["sleep", 4],
  ]),
  scenario("loop: negative and zero delays", [
    ["later", "z", 0, say("z")],
    ["later", "n", -1, say("n")],
    ["at", "p", -5, say("p")],
    ["soon", "s", say("s")],
    ["yield"],
    ["log", "m"],
    ["yield"],
  ]),
  scenario("loop: a timer that comes due goes behind what is ready", [
    ["later", "t", 0, say("t")],
    ["soon", "a", say("a")],
    ["yield"],
    ["log", "m"],
    ["yield"],
    ["log", "m2"],
  ]),
  scenario("loop: a cancelled timer does not run", [
    ["later", "a", 1, say("a")],
    ["later", "b", 1, say("b")],
    ["later", "c", 1, [["cancel", "d"]]],
    ["later", "d", 1, say("d")],
    ["cancel", "a"],
    ["sleep", 2],
    ["handle", "a"],
    ["handle", "d"],
  ]),
  scenario("loop: a timer scheduled by a timer at the same moment", [
    ["later", "a", 1, [["later", "b", 0, say("b")], ["soon", "c", say("c")]]],
    ["later", "d", 1, say("d")],
    ["sleep", 1],
    ["log", "m"],
    ["sleep", 0],
  ]),
  scenario("loop: threadsafe callbacks are queued like others", [
    ["soon", "a", say("a")],
    ["soonThreadsafe", "b", say("b")],
    ["soon", "c", say("c")],
    ["yield"],
  ]),
  scenario("loop: a failing callback is reported and the loop goes on", [
    ["soon", "a", [["raise", ["ValueError", "cb"]]]],
    ["later", "b", 1, [["raise", ["Boom", "timer"]]]],
    ["soon", "c", [["raise", ["CancelledError", "cb"]]]],
    ["soon", "d", say("d")],
    ["sleep", 2],
    ["log", "alive"],
  ]),
  scenario(
    "loop: a handler that fails does not end the loop",
    [
      ["soon", "a", [["raise", ["ValueError", "cb"]]]],
      ["sleep", 1],
      ["log", "alive"],
    ],
    {},
    { handler: [["log", "handling"], ["raise", ["Boom", "handler"]]] },
  ),
  scenario(
    "loop: a handler that raises SystemExit does",
    [
      ["soon", "a", [["raise", ["ValueError", "cb"]]]],
      ["sleep", 1],
      ["log", "alive"],
    ],
    {},
    { handler: [["raise", ["SystemExit", 2]]] },
  ),
  scenario("loop: the handler can be called by hand", [
    ["callHandler", "something"],
    ["callHandler", "with error", ["Boom", "x"]],
    ["soon", "a", [["callHandler", "from callback"]]],
    ["yield"],
  ]),
  scenario("loop: KeyboardInterrupt in a callback ends the run", [
    ["soon", "a", [["raise", ["KeyboardInterrupt", "k"]]]],
    ["soon", "b", say("b")],
    ["yield"],
    ["log", "after"],
    ["sleep", 1],
    ["return", "end"],
  ]),
  scenario("loop: SystemExit in a timer ends the run", [
    ["later", "a", 1, [["raise", ["SystemExit", 3]]]],
    ["later", "b", 1, say("b")],
    ["sleep", 2],
    ["log", "after"],
  ]),
  scenario("loop: KeyboardInterrupt in a task is stored and ends the run", [
    ["spawn", "a", [["raise", ["KeyboardInterrupt", "k"]]]],
    ["soon", "s", say("queued")],
    caught(["await", "a"]),
    ["log", "on"],
  ]),
  scenario("loop: SystemExit in main ends the run with it", [
    ["soon", "s", say("queued")],
    ["raise", ["SystemExit", 7]],
  ]),
  scenario("loop: KeyboardInterrupt in a done callback", [
    ["future", "f"],
    ["onDone", "f", "one", [["raise", ["KeyboardInterrupt", "k"]]]],
    ["onDone", "f", "two", say("two")],
    ["resolve", "f"],
    ["yield"],
    ["log", "after"],
  ]),
  scenario(
    "loop: run again after KeyboardInterrupt",
    [
      ["spawn", "a", [["sleep", 1], ["raise", ["KeyboardInterrupt", "k"]]]],
      ["spawn", "b", [["sleep", 2], ["return", "b"]]],
      ["await", "b"],
    ],
    { again: [["await", "b"], ["query", "main"]] },
    {
      drive: [["run", "main"], ["run", "again"], ["settle"]],
    },
  ),
  scenario(
    "loop: stop() ends the run after the turn",
    [
      ["soon", "a", [["stop"], ["soon", "c", say("next run")]]],
      ["soon", "b", say("same turn")],
      ["sleep", 1],
      ["log", "went on"],
      ["return", 1],
    ],
    {},
    { drive: [["run", "main"], ["run", "main"], ["settle"]] },
  ),
  scenario(
    "loop: stop() from main, then run again",
    [
      ["stop"],
      ["yield"],
      ["log", "second run"],
      ["return", 1],
    ],
    { other: [["log", "other"]] },
    {
      drive: [["run", "main"], ["run", "other"], ["settle"]],
    },
  ),
  scenario(
    "loop: stop() before a run gives one turn",
    [
      ["log", "m"],
    ],
    {},
    {
      drive: [
        ["soon", "a", [["log", "a"], ["soon", "b", say("b")]]],
        ["stop"],
        ["forever"],
        ["log", "between"],
        ["stop"],
        ["forever"],
        ["settle"],
      ],
    },
  ),
  scenario("loop: stop() with timers due", nothing, {}, {
    drive: [
      ["later", "t", 1, [["log", "t"], ["stop"]]],
      ["later", "u", 1, say("u")],
      ["later", "v", 2, say("v")],
      ["forever"],
      ["log", "stopped"],
      ["settle"],
    ],
  }),
  scenario("loop: stop() twice in a turn", nothing, {}, {
    drive: [
      ["soon", "a", [["stop"], ["stop"]]],
      ["forever"],
      ["soon", "b", say("b")],
      ["settle"],
    ],
  }),
  scenario("loop: a run that stalls is stopped before it completed", [
    ["future", "f"],
    ["await", "f"],
  ]),
  scenario(
    "loop: main is run to its end, not further",
    [
      ["soon", "a", say("with main's last turn")],
      ["later", "l", 1, say("later")],
      ["return", "done"],
    ],
    {},
    { drive: [["run", "main"], ["log", "outside"], ["settle"]] },
  ),
  scenario("loop: running a future, a done one, a failed one", nothing, {}, {
    drive: [
      ["future", "f"],
      ["later", "l", 1, [["resolve", "f", "v"]]],
      ["run", "f"],
      ["run", "f"],
      ["future", "g"],
      ["fail", "g", ["Boom", "g"]],
      ["run", "g"],
      ["future", "h"],
      ["cancel", "h", "why"],
      ["run", "h"],
      ["settle"],
    ],
  }),
  scenario(
    "loop: a task made before the run starts first",
    [
      ["log", "m"],
      ["await", "a"],
    ],
    { child: [["log", "child"], ["sleep", 1]] },
    {
      drive: [["spawn", "a", "child"], ["soon", "s", say("s")], [
        "run",
        "main",
      ]],
    },
  ),
  scenario("loop: several runs share one clock", [["sleep", 1], ["time"]], {
    next: [["time"], ["sleep", 1], ["time"]],
  }, { drive: [["run", "main"], ["run", "next"], ["settle"]] }),
  scenario("loop: closing it", [["sleep", 1]], {}, {
    drive: [["run", "main"], ["close"], ["close"]],
  }),
  scenario("loop: a closed loop refuses work", [["sleep", 1]], {}, {
    drive: [
      ["run", "main"],
      ["close"],
      ["soon", "a"],
      ["later", "b", 1],
      ["at", "c", 1],
      ["soonThreadsafe", "d"],
      ["forever"],
      ["run", "main"],
    ],
  }),
  scenario("loop: a closed loop drops what was queued", [["sleep", 1]], {}, {
    drive: [
      ["soon", "a", say("never")],
      ["later", "b", 1, say("never")],
      ["close"],
    ],
  }),
  scenario("loop: closed while running is refused", [
    caught(["close"]),
    ["soon", "s", [["close"]]],
    ["sleep", 1],
    ["log", "alive"],
  ]),
  scenario("loop: run from inside itself is refused", [
    caught(["nestedRun"]),
    caught(["nestedRun", "other"]),
    ["sleep", 1],
    ["log", "alive"],
  ], { other: [["log", "never"]] }),
  scenario(
    "loop: a future resolved outside wakes its task in the run",
    [
      ["future", "f"],
      ["spawn", "a", [["await", "f"], ["log", "woken"]]],
      ["yield"],
    ],
    {},
    {
      drive: [["run", "main"], ["resolve", "f", 1], ["query", "a"], ["settle"]],
    },
  ),
  scenario(
    "loop: a task cancelled outside ends in the next run",
    [
      ["spawn", "a", [caught(["sleep", 9]), ["log", "caught"]]],
      ["yield"],
    ],
    {},
    { drive: [["run", "main"], ["cancel", "a", "between"], ["settle"]] },
  ),
  scenario("loop: more than a hundred cancelled timers are swept", [
    ...Array.from({ length: 120 }, (_, i): Op => [
      "later",
      `t${i}`,
      5 + (i % 3),
      say(`t${i}`),
    ]),
    ...Array.from({ length: 110 }, (_, i): Op => ["cancel", `t${i}`]),
    ["sleep", 9],
  ]),
];
export default scenarios;
