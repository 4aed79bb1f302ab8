/** staggeredRace(). */
import { caught, reporting, scenario, slowToDie, stubborn } from "./_build.ts";
import type { Op, Scenario } from "../types.ts";

function race(
  delay: number | null,
  ...bodies: (string | Op[])[]
): Op {
  return ["await", ["staggered", bodies, delay]];
}

const long: Op[] = reporting(["sleep", 9], ["return", "long"]);

const scenarios: Scenario[] = [
  scenario("staggered: of none", [race(1), race(null)]),
  scenario("staggered: the first wins before the second starts", [
    race(2, [["sleep", 1], ["return", "a"]], [["log", "never"]]),
    ["time"],
  ]),
  scenario("staggered: the second starts after the delay and wins", [
    race(1, long, [["sleep", 1], ["return", "b"]]),
    ["time"],
  ]),
  scenario("staggered: one that fails starts the next at once", [
    race(5, [["sleep", 1], ["raise", ["Boom", "a"]]], [["return", "b"]]),
    ["time"],
  ]),
  scenario("staggered: all fail", [
    race(
      1,
      [["raise", ["Boom", "a"]]],
      [["sleep", 2], ["raise", ["ValueError", "b"]]],
      [["raise", ["Boom", "c"]]],
    ),
    ["time"],
  ]),
  scenario("staggered: with no delay, one after the other", [
    race(
      null,
      [["sleep", 3], ["raise", ["Boom", "a"]]],
      [["sleep", 1], ["return", "b"]],
      [["return", "never"]],
    ),
    ["time"],
  ]),
  scenario("staggered: a delay of zero starts all", [
    race(0, long, long, [["sleep", 1], ["return", "c"]]),
    ["time"],
  ]),
  scenario("staggered: two done in one moment", [
    race(0.5, [["sleep", 1], ["return", "a"]], [["sleep", 0.5], [
      "return",
      "b",
    ]]),
  ]),
  scenario("staggered: losers are waited for", [
    race(
      0.5,
      slowToDie(2, ["sleep", 9]),
      [["sleep", 1], ["return", "b"]],
    ),
    ["time"],
  ]),
  scenario("staggered: a loser that raises another error", [
    race(
      0.5,
      [["try", {
        do: [["sleep", 9]],
        except: { CancelledError: [["raise", ["Boom", "late"]]] },
      }]],
      [["sleep", 1], ["return", "b"]],
    ),
  ]),
  scenario("staggered: cancelled from outside", [
    ["spawn", "p", [race(1, long, long, long)]],
    ["sleep", 1.5],
    ["cancel", "p", "m"],
    caught(["await", "p"]),
    ["time"],
  ]),
  scenario("staggered: cancelled twice from outside", [
    ["spawn", "p", [race(1, slowToDie(3, ["sleep", 9]), long)]],
    ["sleep", 2],
    ["cancel", "p", "one"],
    ["sleep", 1],
    ["cancel", "p", "two"],
    caught(["await", "p"]),
    ["time"],
  ]),
  scenario("staggered: cancelled from outside, a runner goes on to win", [
    ["spawn", "p", [caught(race(1, stubborn("kept", ["sleep", 9])))]],
    ["sleep", 1],
    ["cancel", "p", "m"],
    ["await", "p"],
  ]),
  scenario("staggered: under a timeout", [
    caught(["timeout", "t", 2, [race(1, long, long)]]),
    ["time"],
  ]),
  scenario("staggered: a body that raises CancelledError by hand", [
    race(5, [["raise", ["CancelledError", "hand"]]], [["return", "b"]]),
  ]),
  scenario("staggered: a win of null", [
    race(1, [["sleep", 0.5]], [["return", "never"]]),
  ]),
];

export default scenarios;
