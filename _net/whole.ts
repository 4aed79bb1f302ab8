/**
 * Everything that is loaded late otherwise, at once: for loops whose time is a test's
 * and must not wait for the loading.
 */

import "../_platform/all_io.ts";
import { bringParts } from "./late.ts";
import * as parts from "./parts.ts";

bringParts(parts);
