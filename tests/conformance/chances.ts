/** What random scenarios are made of, and how often. */
import type { ErrorSpec } from "./types.ts";

/**
 * Few and close together, in binary fractions: ties are what is looked for,
 * and sums of these are exact.
 */
export const DELAYS: readonly number[] = [
  0,
  0,
  0.25,
  0.5,
  0.5,
  1,
  1,
  1,
  1.5,
  2,
  3,
  -1,
];
/** What a body raises. */
export const ERRORS: readonly ErrorSpec[] = [
  ["Boom", "b"],
  ["ValueError", "v"],
  ["RuntimeError", "r"],
  ["CancelledError", "hand"],
  "CancelledError",
  ["TimeoutError", "t"],
];
/** When `wait` returns. */
export const WHEN: readonly string[] = [
  "FIRST_COMPLETED",
  "FIRST_EXCEPTION",
  "ALL_COMPLETED",
];
/** What raises when its future is not in the state it wants. */
export const RAISING: ReadonlySet<string> = new Set([
  "resolve",
  "fail",
  "result",
  "exception",
  "release",
  "notify",
  "notifyAll",
  "putNowait",
  "getNowait",
  "taskDone",
  "child",
]);
/** How many scenarios have locks, queues and their kin. */
export const KIT_CHANCE = 0.75;
/** How many of those are about nothing else. */
export const DUEL_CHANCE = 0.4;
/** Tasks that a scenario spawns, about. */
export const MAX_TASKS = 9;

/** What awaits or nests, by weight. */
export const FLOW_WEIGHTS: Readonly<Record<string, number>> = {
  sleep: 18,
  yield: 12,
  await: 22,
  try: 16,
  timeout: 12,
  call: 4,
  wait: 5,
  asCompleted: 4,
  return: 2,
};
/** What needs no await, by weight. */
export const SYNC_WEIGHTS: Readonly<Record<string, number>> = {
  log: 5,
  spawn: 12,
  cancel: 16,
  resolve: 9,
  fail: 4,
  future: 2,
  set: 5,
  soon: 4,
  later: 6,
  onDone: 5,
  offDone: 1,
  query: 2,
  result: 2,
  exception: 1,
  cancelling: 2,
  uncancel: 3,
  reschedule: 4,
  ctxSet: 3,
  ctxGet: 3,
  ctxCopy: 1,
  all: 1,
  raise: 4,
};
/** What is awaited, by weight. */
export const AW_WEIGHTS: Readonly<Record<string, number>> = {
  name: 26,
  body: 9,
  do: 9,
  sleep: 6,
  gather: 9,
  shield: 8,
  waitFor: 10,
};
