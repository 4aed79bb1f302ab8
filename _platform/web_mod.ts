/**
 * Stands for mod.ts in bundles for browsers, by the package's `browser` map: the web
 * adapter alone.
 */

import type { Platform } from "./types.ts";
import { webPlatform } from "./web.ts";

/** The platform of this thread. */
export const platform: Platform = webPlatform();
