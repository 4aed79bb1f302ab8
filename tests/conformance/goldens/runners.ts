/** Runner and run(): leftovers, several runs, what escapes. */
import { reporting, scenario, stubborn } from "./_build.ts";
import type { Phase, Scenario } from "../types.ts";

const runner: { drive: Phase[] } = { drive: [["runner", "main"]] };

const scenarios: Scenario[] = [
  scenario(
    "runner: it returns what main returns",
    [["sleep", 1], ["return", "m"]],
    {},
    runner,
  ),
  scenario(
    "runner: it raises what main raises",
    [["raise", ["Boom", "m"]]],
    {},
    runner,
  ),
  scenario(
    "runner: leftovers are cancelled and awaited",
    [
      ["spawn", "a", reporting(["sleep", 5])],
      ["spawn", "b", [["try", {
        do: [["sleep", 5]],
        finally: [["sleep", 2], ["log", "cleaned"]],
      }]]],
      ["yield"],
      ["return", "m"],
    ],
    {},
    runner,
  ),
  scenario(
    "runner: a leftover that fails of it is reported",
    [
      ["spawn", "a", [["try", {
        do: [["sleep", 5]],
        except: { CancelledError: [["raise", ["Boom", "shutdown"]]] },
      }]]],
      ["spawn", "b", stubborn("kept", ["sleep", 5])],
      ["yield"],
    ],
    {},
    runner,
  ),
  scenario(
    "runner: a leftover that never started",
    [
      ["spawn", "a", [["log", "never"]]],
    ],
    {},
    runner,
  ),
  scenario(
    "runner: several runs on one loop, one context",
    [
      ["ctxSet", "v", "kept"],
      ["spawn", "a", [["sleep", 2], ["log", "between runs"]]],
      ["sleep", 1],
    ],
    { next: [["ctxGet", "v"], ["all"], ["sleep", 2], ["return", "n"]] },
    {
      drive: [["runner", "main", "next"]],
    },
  ),
  scenario(
    "runner: KeyboardInterrupt in main cleans up and comes out",
    [
      ["spawn", "a", reporting(["sleep", 5])],
      ["yield"],
      ["raise", ["KeyboardInterrupt", "k"]],
    ],
    {},
    runner,
  ),
  scenario(
    "runner: SystemExit of a task cleans up and comes out",
    [
      ["spawn", "a", [["sleep", 1], ["raise", ["SystemExit", 5]]]],
      ["spawn", "b", reporting(["sleep", 5])],
      ...reporting(["sleep", 9]),
    ],
    {},
    runner,
  ),
  scenario(
    "runner: a main that is cancelled raises CancelledError",
    [["cancel", "@self", "self"], ["sleep", 1]],
    {},
    runner,
  ),
  scenario(
    "runner: leftovers that spawn while they are cancelled",
    [
      ["spawn", "a", [["try", {
        do: [["sleep", 5]],
        finally: [["spawn", "b", [["log", "b"], ["sleep", 1]]], ["yield"]],
      }]]],
      ["yield"],
    ],
    {},
    runner,
  ),
];
export default scenarios;
