/** TaskGroup. */
import { caught, reporting, scenario, slowToDie, stubborn } from "./_build.ts";
import type { Op, Scenario } from "../types.ts";

const boom: Op = ["raise", ["Boom", "b"]];
const worker: Op[] = reporting(
  ["await", ["get", "q"]],
  ["sleep", 1],
  ["taskDone", "q"],
  ["await", ["get", "q"]],
);
const long: Op[] = reporting(["sleep", 9]);

function group(...ops: Op[]): Op {
  return ["taskGroup", "g", ops];
}

const scenarios: Scenario[] = [
  scenario("group: empty takes no turn of the loop", [
    ["soon", "s", [["log", "between"]]],
    group(),
    ["yield"],
  ]),
  scenario("group: waits for its children", [
    group(
      ["child", "g", "a", [["sleep", 1], ["return", 1]]],
      ["child", "g", "b", [["sleep", 2], ["return", 2]]],
      ["log", "body done"],
    ),
    ["result", "a"],
    ["result", "b"],
    ["time"],
  ]),
  scenario("group: a return from the body waits for the children", [
    ["await", [
      "do",
      group(
        ["child", "g", "a", [["sleep", 1]]],
        ["return", "out"],
      ),
    ]],
    ["time"],
  ]),
  scenario("group: a failing child cancels its siblings and the body", [
    caught(group(
      ["child", "g", "a", long],
      ["child", "g", "b", [["sleep", 1], boom]],
      ["child", "g", "c", long],
      ...reporting(["sleep", 9]),
    )),
    ["cancelling", "@self"],
    ["time"],
    ["sleep", 1],
  ]),
  scenario("group: a failing child while the group is exiting", [
    caught(group(
      ["child", "g", "a", long],
      ["child", "g", "b", [["sleep", 1], boom]],
    )),
    ["cancelling", "@self"],
    ["yield"],
    ["log", "free"],
  ]),
  scenario("group: several children fail", [
    caught(group(
      ["child", "g", "a", [["sleep", 1], ["raise", ["Boom", "a"]]]],
      ["child", "g", "b", [["sleep", 1], ["raise", ["ValueError", "b"]]]],
      ["child", "g", "c", [["try", {
        do: [["sleep", 9]],
        except: { CancelledError: [["raise", ["Boom", "c"]]] },
      }]]],
    )),
  ]),
  scenario("group: the body fails", [
    caught(group(
      ["child", "g", "a", long],
      ["child", "g", "b", stubborn("kept", ["sleep", 9])],
      ["yield"],
      boom,
    )),
    ["cancelling", "@self"],
    ["result", "b"],
  ]),
  scenario("group: the body fails before the children started", [
    caught(group(["child", "g", "a", long], boom)),
    ["query", "a"],
  ]),
  scenario("group: body and child fail", [
    caught(group(
      ["child", "g", "a", [["sleep", 1], ["raise", ["Boom", "a"]]]],
      ["try", {
        do: [["sleep", 9]],
        except: { CancelledError: [["raise", ["ValueError", "body"]]] },
      }],
    )),
    ["cancelling", "@self"],
  ]),
  scenario("group: a body that swallows the abort", [
    caught(group(
      ["child", "g", "a", [["sleep", 1], boom]],
      caught(["sleep", 9]),
      ["cancelling", "@self"],
      ["sleep", 1],
      ["log", "went on"],
    )),
    ["cancelling", "@self"],
    ["time"],
  ]),
  scenario("group: a body that awaits the failing child itself", [
    caught(group(
      ["child", "g", "a", [["sleep", 1], boom]],
      caught(["await", "a"]),
      ["cancelling", "@self"],
      ["sleep", 1],
      ["log", "not reached"],
    )),
    ["cancelling", "@self"],
  ]),
  scenario("group: a child cancelled alone is silent", [
    group(
      ["child", "g", "a", long],
      ["child", "g", "b", [["sleep", 2]]],
      ["sleep", 1],
      ["cancel", "a", "m"],
    ),
    ["query", "a"],
    ["time"],
  ]),
  scenario("group: a child that raises CancelledError by hand", [
    group(
      ["child", "g", "a", [["raise", ["CancelledError", "hand"]]]],
      ["child", "g", "b", [["sleep", 1]]],
    ),
    ["query", "a"],
  ]),
  scenario("group: the body raises CancelledError by hand", [
    caught(group(
      ["child", "g", "a", long],
      ["raise", ["CancelledError", "hand"]],
    )),
    ["cancelling", "@self"],
  ]),
  scenario("group: the parent cancelled in the body", [
    ["spawn", "p", [group(["child", "g", "a", long], ["sleep", 9])]],
    ["sleep", 1],
    ["cancel", "p", "m"],
    caught(["await", "p"]),
    ["cancelling", "p"],
  ]),
  scenario("group: the parent cancelled while exiting", [
    ["spawn", "p", [group(["child", "g", "a", long])]],
    ["sleep", 1],
    ["cancel", "p", "m"],
    caught(["await", "p"]),
    ["cancelling", "p"],
  ]),
  scenario("group: the parent cancelled repeatedly while exiting", [
    ["spawn", "p", [
      caught(group(["child", "g", "a", slowToDie(3, ["sleep", 9])])),
      ["cancelling", "@self"],
    ]],
    ["sleep", 1],
    ["cancel", "p", "one"],
    ["sleep", 1],
    ["cancel", "p", "two"],
    ["query", "p"],
    ["await", "p"],
    ["time"],
  ]),
  scenario("group: the parent cancelled before it exits, child done", [
    ["spawn", "p", [
      group(
        ["child", "g", "a", [["return", 1]]],
        ["sleep", 1],
        ["cancel", "@self", "own"],
      ),
      ["log", "left quietly"],
      ["yield"],
    ]],
    caught(["await", "p"]),
  ]),
  scenario("group: the parent cancelled, its child fails on the way out", [
    ["spawn", "p", [
      caught(group(
        ["child", "g", "a", [["try", {
          do: [["sleep", 9]],
          except: { CancelledError: [boom] },
        }]]],
      )),
      ["cancelling", "@self"],
      caught(["yield"]),
      ["log", "end"],
    ]],
    ["sleep", 1],
    ["cancel", "p", "m"],
    ["await", "p"],
  ]),
  scenario("group: cancelled from outside after a child failed", [
    ["spawn", "p", [
      caught(group(
        ["child", "g", "a", [["sleep", 1], boom]],
        ["child", "g", "b", slowToDie(2, ["sleep", 9])],
      )),
      ["cancelling", "@self"],
      caught(["yield"]),
      ["cancelling", "@self"],
    ]],
    ["sleep", 2],
    ["cancel", "p", "m"],
    caught(["await", "p"]),
    ["cancelling", "p"],
  ]),
  scenario("group: cancelled from outside in the step in which a child fails", [
    ["future", "f"],
    ["spawn", "p", [
      caught(group(
        ["child", "g", "a", [["await", "f"]]],
        ["sleep", 9],
      )),
      ["cancelling", "@self"],
      caught(["yield"]),
    ]],
    ["sleep", 1],
    ["fail", "f", ["Boom", "f"]],
    ["cancel", "p", "m"],
    ["await", "p"],
  ]),
  scenario(
    "group: a failing child first, then the outside cancel, in one step",
    [
      ["future", "f"],
      ["spawn", "p", [
        caught(group(
          ["child", "g", "a", [["await", "f"]]],
          ["sleep", 9],
        )),
        ["cancelling", "@self"],
        caught(["yield"]),
      ]],
      ["sleep", 1],
      ["fail", "f", ["Boom", "f"]],
      ["yield"],
      ["yield"],
      ["cancel", "p", "m"],
      ["await", "p"],
    ],
  ),
  scenario("group: a task cancelled before it enters", [
    ["spawn", "p", [
      caught(["sleep", 9]),
      ["cancelling", "@self"],
      caught(group(["child", "g", "a", [["sleep", 1], boom]], ["sleep", 9])),
      ["cancelling", "@self"],
      caught(["yield"]),
      ["log", "end"],
    ]],
    ["yield"],
    ["cancel", "p"],
    ["await", "p"],
  ]),
  scenario("group: a child that cancels the parent", [
    ["spawn", "p", [group(
      ["child", "g", "a", [["sleep", 1], ["cancel", "p", "by child"]]],
      ["child", "g", "b", long],
    )]],
    caught(["await", "p"]),
    ["cancelling", "p"],
  ]),
  scenario("group: a child that cancels the parent and fails", [
    ["spawn", "p", [
      caught(group(
        ["child", "g", "a", [["sleep", 1], ["cancel", "p", "by child"], boom]],
        ["child", "g", "b", long],
      )),
      ["cancelling", "@self"],
      caught(["yield"]),
    ]],
    ["await", "p"],
  ]),
  scenario("group: nested, the inner fails, the outer gets a group", [
    caught(["taskGroup", "o", [
      ["child", "o", "x", long],
      ["taskGroup", "i", [
        ["child", "i", "a", [["sleep", 1], boom]],
        ["child", "i", "b", long],
      ]],
    ]]),
    ["cancelling", "@self"],
  ]),
  scenario("group: nested, the inner's error caught between", [
    ["taskGroup", "o", [
      ["child", "o", "x", [["sleep", 3]]],
      caught(["taskGroup", "i", [["child", "i", "a", [["sleep", 1], boom]]]]),
      ["cancelling", "@self"],
      ["log", "between"],
    ]],
    ["time"],
  ]),
  scenario("group: nested, an outer child fails while in the inner body", [
    caught(["taskGroup", "o", [
      ["child", "o", "x", [["sleep", 1], boom]],
      ["taskGroup", "i", [["child", "i", "a", long], ["sleep", 9]]],
      ["log", "not reached"],
    ]]),
    ["cancelling", "@self"],
  ]),
  scenario("group: nested, an outer child fails while the inner exits", [
    caught(["taskGroup", "o", [
      ["child", "o", "x", [["sleep", 1], boom]],
      ["taskGroup", "i", [["child", "i", "a", long]]],
      ["log", "not reached"],
    ]]),
    ["cancelling", "@self"],
  ]),
  scenario("group: nested, both fail in one moment", [
    caught(["taskGroup", "o", [
      ["child", "o", "x", [["sleep", 1], ["raise", ["Boom", "outer"]]]],
      ["taskGroup", "i", [
        ["child", "i", "a", [["sleep", 1], ["raise", ["Boom", "inner"]]]],
      ]],
    ]]),
    ["cancelling", "@self"],
    ["yield"],
  ]),
  scenario("group: nested, the inner child fails on the outer's abort", [
    caught(["taskGroup", "o", [
      ["child", "o", "x", [["sleep", 1], ["raise", ["Boom", "outer"]]]],
      ["taskGroup", "i", [["child", "i", "a", [["try", {
        do: [["sleep", 9]],
        except: { CancelledError: [["raise", ["Boom", "inner"]]] },
      }]]]]],
    ]]),
    ["cancelling", "@self"],
    ["yield"],
  ]),
  scenario("group: nested in a child", [
    caught(group(
      ["child", "g", "a", [["taskGroup", "h", [
        ["child", "h", "b", [["sleep", 1], boom]],
        ["child", "h", "c", long],
      ]]]],
      ["child", "g", "d", long],
    )),
  ]),
  scenario("group: three deep, cancelled from outside", [
    ["spawn", "p", [["taskGroup", "x", [
      ["child", "x", "a", long],
      ["taskGroup", "y", [
        ["child", "y", "b", long],
        ["taskGroup", "z", [["child", "z", "c", long]]],
      ]],
    ]]]],
    ["sleep", 1],
    ["cancel", "p", "m"],
    caught(["await", "p"]),
    ["cancelling", "p"],
  ]),
  scenario("group: created before entry, the coroutine never runs", [
    ["group", "g"],
    caught(["child", "g", "a", [["log", "never"]]]),
    ["yield"],
  ]),
  scenario("group: created after the end, the coroutine never runs", [
    group(["child", "g", "a", [["log", "a"]]]),
    caught(["child", "g", "b", [["log", "never"]]]),
    ["yield"],
  ]),
  scenario("group: created while it aborts", [
    caught(group(
      ["child", "g", "a", [["try", {
        do: [["sleep", 9]],
        except: {
          CancelledError: [caught(["child", "g", "b", [["log", "never"]]])],
        },
      }]]],
      ["child", "g", "c", [["sleep", 1], boom]],
    )),
  ]),
  scenario("group: created by a child while it exits", [
    group(
      ["child", "g", "a", [["sleep", 1], ["child", "g", "b", [["sleep", 1]]]]],
    ),
    ["query", "b"],
    ["time"],
  ]),
  scenario("group: created by a callback after the last child", [
    ["spawn", "p", [group(
      ["child", "g", "a", [["sleep", 1]]],
      ["onDone", "a", "c", [["child", "g", "b", [["log", "b"]]]]],
    )]],
    caught(["await", "p"]),
    ["sleep", 1],
  ]),
  scenario("group: created by a callback before the group hears of the end", [
    ["spawn", "a", [["sleep", 1]]],
    ["spawn", "p", [group(
      ["child", "g", "w", [["await", "a"]]],
      ["onDone", "a", "c", [["child", "g", "b", [["sleep", 1]]]]],
    )]],
    ["await", "p"],
    ["time"],
  ]),
  scenario("group: entered twice", [
    group(caught(["with", "g", [["log", "no"]]])),
    caught(["with", "g", [["log", "no"]]]),
  ]),
  scenario("group: KeyboardInterrupt in the body", [
    caught(group(
      ["child", "g", "a", long],
      ["yield"],
      ["raise", "KeyboardInterrupt"],
    )),
    ["query", "a"],
  ]),
  scenario(
    "group: SystemExit in a child",
    [
      ["spawn", "p", [caught(group(
        ["child", "g", "a", [["sleep", 1], ["raise", ["SystemExit", 3]]]],
        ["child", "g", "b", long],
        ["child", "g", "c", [["try", {
          do: [["sleep", 9]],
          except: { CancelledError: [boom] },
        }]]],
      ))]],
      ["await", "p"],
    ],
    {},
    { drive: [["run", "main"], ["settle"]] },
  ),
  scenario("group: under a timeout", [
    caught(["timeout", "t", 1, [group(["child", "g", "a", long])]]),
    ["cancelling", "@self"],
  ]),
  scenario("group: under a timeout, a child fails on the abort", [
    caught(["timeout", "t", 1, [group(["child", "g", "a", [["try", {
      do: [["sleep", 9]],
      except: { CancelledError: [boom] },
    }]]])]]),
    ["expired", "t"],
    ["cancelling", "@self"],
    ["yield"],
  ]),
  scenario("group: under a timeout of the moment in which a child fails", [
    caught(["timeout", "t", 1, [group(
      ["child", "g", "a", [["sleep", 1], boom]],
    )]]),
    ["expired", "t"],
    ["cancelling", "@self"],
    caught(["yield"]),
    ["log", "end"],
  ]),
  scenario("group: a timeout in the body", [
    group(
      ["child", "g", "a", [["sleep", 3]]],
      caught(["timeout", "t", 1, [["sleep", 9]]]),
    ),
    ["time"],
  ]),
  scenario("group: a timeout in the body, a child fails in that moment", [
    caught(group(
      ["child", "g", "a", [["sleep", 1], boom]],
      caught(["timeout", "t", 1, [["sleep", 9]]]),
      ["cancelling", "@self"],
      ["sleep", 1],
      ["log", "not reached"],
    )),
    ["cancelling", "@self"],
  ]),
  scenario("group: eager children that end at once", [
    group(
      ["child", "g", "a", [["return", 1]], { eager: true }],
      ["query", "a"],
      ["child", "g", "b", [["yield"]], { eager: true }],
      ["query", "b"],
    ),
  ]),
  scenario("group: an eager child that fails at once", [
    caught(group(
      ["child", "g", "a", [boom], { eager: true }],
      ["log", "still here"],
      ["cancelling", "@self"],
      ["child", "g", "b", long],
      ["yield"],
      ["log", "not reached"],
    )),
    ["cancelling", "@self"],
  ]),
  scenario("group: an eager child that fails at once, the body ends at once", [
    caught(group(["child", "g", "a", [boom], { eager: true }])),
    ["cancelling", "@self"],
    ["yield"],
  ]),
  scenario("group: an eager child that cancels the parent at once", [
    ["spawn", "p", [
      caught(group(
        ["child", "g", "a", [["cancel", "p", "m"]], { eager: true }],
        ["log", "on"],
      )),
      ["cancelling", "@self"],
      caught(["yield"]),
    ], { eager: false }],
    ["await", "p"],
  ]),
  scenario("group: eager parent and children", [
    ["spawn", "p", [caught(group(
      ["child", "g", "a", [["yield"], boom], { eager: true }],
      ["child", "g", "b", long, { eager: true }],
    ))], { eager: true }],
    ["await", "p"],
  ]),
  scenario("group: children with names and contexts", [
    ["ctxSet", "v", 1],
    ["ctxCopy", "x"],
    ["ctxSet", "v", 2],
    group(
      ["child", "g", "a", [["ctxGet", "v"]], { ctx: "x" }],
      ["child", "g", "b", [["ctxGet", "v"]], { name: "bee" }],
    ),
    ["name", "a"],
    ["name", "b"],
  ]),
  scenario("group: the results of the children after an abort", [
    caught(group(
      ["child", "g", "a", [["return", 1]]],
      ["child", "g", "b", [["yield"], boom]],
      ["child", "g", "c", stubborn(3, ["sleep", 9])],
      ["child", "g", "d", long],
    )),
    ["query", "a"],
    ["exception", "b"],
    ["query", "c"],
    ["query", "d"],
  ]),
  scenario("group: the group caught by its class", [
    ["try", {
      do: [group(["child", "g", "a", [boom]])],
      except: { ExceptionGroup: [["log", "group"]] },
    }],
    ["try", {
      do: [group(["child", "g", "b", [["raise", ["Boom", "c"]]]])],
      except: { Boom: [["log", "no"]], Exception: [["log", "yes"]] },
    }],
  ]),
  scenario("group: siblings that share a lock, one fails holding it", [
    ["lock", "l"],
    caught(group(
      ["child", "g", "a", [["with", "l", [["sleep", 1], boom]]]],
      ["child", "g", "b", reporting(["with", "l", [["sleep", 1]]])],
      ["child", "g", "c", reporting(["with", "l", [["sleep", 1]]])],
    )),
    ["status", "l"],
  ]),
  scenario("group: workers on a queue, cancelled when it is done", [
    ["queue", "q"],
    group(
      ["child", "g", "a", worker],
      ["child", "g", "b", worker],
      ["await", ["put", "q", 1]],
      ["await", ["put", "q", 2]],
      ["await", ["join", "q"]],
      ["cancel", "a"],
      ["cancel", "b"],
    ),
    ["log", "end"],
  ]),
];

export default scenarios;
