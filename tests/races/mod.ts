/** The planted bugs. */
import { race as checkThenAct } from "./check_then_act.ts";
import { race as doubleRelease } from "./double_release.ts";
import { race as lockOrder } from "./lock_order.ts";
import { race as lostWakeUp } from "./lost_wake_up.ts";
import { race as missedCancel } from "./missed_cancel.ts";
import type { Race } from "./types.ts";
import { race as unboundedQueue } from "./unbounded_queue.ts";

export const RACES: readonly Race[] = [
  checkThenAct,
  lostWakeUp,
  lockOrder,
  missedCancel,
  doubleRelease,
  unboundedQueue,
];
