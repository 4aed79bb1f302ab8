/**
 * A loop with executors and async generators, and with all that a small bundle for
 * browsers leaves out: debug mode, the instrument, executors.
 */

import { loadDebug } from "../_debug/install.ts";
import { loadExecutors } from "./executors.ts";

export { LoopServices } from "./loop_services.ts";

loadDebug();
loadExecutors();
