/** Chooses the adapter of the runtime in use. */

import { bunPlatform } from "./bun.ts";
import { denoPlatform } from "./deno.ts";
import { host } from "./host.ts";
import { nodePlatform } from "./node.ts";
import type { Platform } from "./types.ts";
import { webPlatform } from "./web.ts";

/**
 * Bundlers for browsers bring a `process` without a system, and so does Cloudflare,
 * with versions.
 */
function isNode(): boolean {
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") return false;
  const { versions } = (host.process ?? {}) as {
    versions?: { readonly node?: string };
  };
  return versions?.node !== undefined;
}

function pick(): Platform {
  // Bun first: it can be asked to define a Deno global for compatibility.
  if (host.Bun !== undefined) return bunPlatform();
  if (host.Deno !== undefined) return denoPlatform();
  if (isNode()) return nodePlatform();
  return webPlatform();
}

/** The platform of this thread. */
export const platform: Platform = pick();
