/** Eager tasks, asked for one by one; the eager mode runs all the others. */
import { caught, reporting, scenario, stubborn } from "./_build.ts";
import type { Scenario } from "../types.ts";

const scenarios: Scenario[] = [
  scenario("eager: a task that does not block is done when created", [
    ["spawn", "a", [["log", "in"], ["return", 1]], { eager: true }],
    ["log", "created"],
    ["query", "a"],
    ["coro", "a"],
    ["all"],
    ["await", "a"],
  ]),
  scenario("eager: a task that blocks goes on scheduled", [
    ["spawn", "a", [["log", "in"], ["sleep", 1], ["log", "later"]], {
      eager: true,
    }],
    ["log", "created"],
    ["query", "a"],
    ["coro", "a"],
    ["all"],
    ["await", "a"],
  ]),
  scenario("eager: the current task is the new one, then the creator again", [
    ["current"],
    ["spawn", "a", [["current"], ["all"], ["yield"], ["current"]], {
      eager: true,
    }],
    ["current"],
    ["yield"],
    ["current"],
  ]),
  scenario("eager: the name is set before the body runs", [
    ["spawn", "a", [["name", "@self"]], { eager: true, name: "given" }],
    ["spawn", "b", [["name", "@self"]], { eager: true, name: null }],
  ]),
  scenario("eager: eager tasks nest", [
    ["spawn", "a", [
      ["log", "a in"],
      ["spawn", "b", [["log", "b in"], ["yield"], ["log", "b out"]], {
        eager: true,
      }],
      ["current"],
      ["yield"],
      ["log", "a out"],
    ], { eager: true }],
    ["log", "main"],
    ["await", ["gather", ["a", "b"]]],
  ]),
  scenario("eager: an error in the eager part is the task's", [
    ["spawn", "a", [["raise", ["Boom", "e"]]], { eager: true }],
    ["query", "a"],
    caught(["await", "a"]),
    ["current"],
  ]),
  scenario("eager: CancelledError in the eager part cancels the task", [
    ["spawn", "a", [["raise", ["CancelledError", "e"]]], { eager: true }],
    ["query", "a"],
    caught(["await", "a"]),
  ]),
  scenario("eager: KeyboardInterrupt in the eager part reaches the creator", [
    caught(["spawn", "a", [["raise", ["KeyboardInterrupt", "k"]]], {
      eager: true,
    }]),
    ["current"],
    ["all"],
  ]),
  scenario("eager: SystemExit in the eager part reaches the creator", [
    caught(["spawn", "a", [["raise", ["SystemExit", 4]]], { eager: true }]),
    ["yield"],
    ["log", "alive"],
  ]),
  scenario("eager: one that cancels itself and returns ends cancelled", [
    ["spawn", "a", [["cancel", "@self", "me"], ["return", 1]], {
      eager: true,
    }],
    ["query", "a"],
    caught(["await", "a"]),
  ]),
  scenario("eager: one that cancels itself and waits", [
    ["spawn", "a", [
      ["cancel", "@self", "me"],
      caught(["sleep", 1]),
      ["return", "x"],
    ], { eager: true }],
    ["query", "a"],
    ["await", "a"],
  ]),
  scenario("eager: cancelled after blocking", [
    ["spawn", "a", reporting(["sleep", 5]), { eager: true }],
    ["cancel", "a", "at once"],
    caught(["await", "a"]),
  ]),
  scenario("eager: it awaits a done future without blocking", [
    ["future", "f"],
    ["resolve", "f", 2],
    ["spawn", "a", [["await", "f"], ["return", "done"]], { eager: true }],
    ["query", "a"],
  ]),
  scenario("eager: it sees the creator's context, in a copy", [
    ["ctxSet", "v", "mine"],
    ["spawn", "a", [["ctxGet", "v"], ["ctxSet", "v", "its"], ["ctxGet", "v"]], {
      eager: true,
    }],
    ["ctxGet", "v"],
  ]),
  scenario("eager: with a context given", [
    ["ctxCopy", "c"],
    ["ctxSet", "v", "mine"],
    ["spawn", "a", [["ctxGet", "v"], ["ctxSet", "v", "its"], ["yield"], [
      "ctxGet",
      "v",
    ]], { eager: true, ctx: "c" }],
    ["ctxGet", "v"],
    ["yield"],
    ["ctxRun", "c", [["ctxGet", "v"]]],
  ]),
  scenario("eager: a done callback on a task that was done at once", [
    ["spawn", "a", [["return", 1]], { eager: true }],
    ["onDone", "a", "cb", [["log", "cb"]]],
    ["log", "before"],
    ["yield"],
  ]),
  scenario("eager: false under any factory starts in the next turn", [
    ["spawn", "a", [["log", "in"]], { eager: false }],
    ["log", "created"],
    ["yield"],
  ]),
  scenario(
    "eager: started outside a running loop it is scheduled",
    [
      ["await", "a"],
    ],
    { child: [["log", "in"], ["return", 1]] },
    {
      drive: [
        ["spawn", "a", "child", { eager: true }],
        ["query", "a"],
        ["run", "main"],
        ["settle"],
      ],
    },
  ),
  scenario("eager: from a callback", [
    ["soon", "s", [
      ["spawn", "a", "child", { eager: true }],
      ["log", "after"],
      ["current"],
    ]],
    ["sleep", 2],
  ], { child: [["current"], ["sleep", 1], ["current"]] }),
  scenario("eager: it wakes another that waits for it", [
    ["future", "f"],
    ["spawn", "a", [["await", "f"], ["log", "a woken"]]],
    ["yield"],
    ["spawn", "b", [["resolve", "f", 1], ["log", "b set"]], { eager: true }],
    ["log", "main"],
    ["await", "a"],
  ]),
  scenario("eager: inside a timeout of the creator", [
    caught(["timeout", "t", 1, [
      ["spawn", "a", stubborn("no", ["sleep", 5]), { eager: true }],
      ["await", "a"],
    ]]),
    ["query", "a"],
  ]),
  scenario("eager: a timeout inside the eager part", [
    ["spawn", "a", [
      caught(["timeout", "t", 1, [["log", "in"], ["sleep", 5]]]),
      ["return", "x"],
    ], { eager: true }],
    ["log", "main"],
    ["await", "a"],
  ]),
  scenario("eager: it cannot await itself", [
    ["spawn", "a", [caught(["await", "@self"]), ["return", 1]], {
      eager: true,
    }],
    ["yield"],
    ["await", "a"],
  ]),
];
export default scenarios;
