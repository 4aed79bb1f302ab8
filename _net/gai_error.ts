/** The error of names. */

import { OSError } from "../exceptions.ts";

/**
 * A name or an address could not be looked up. Its `code` is ENOTFOUND, or what
 * getaddrinfo calls it: EAI_AGAIN, EAI_ADDRFAMILY, EAI_FAMILY, EAI_SERVICE.
 */
export class GaiError extends OSError {}

Object.defineProperty(GaiError.prototype, "name", {
  value: "GaiError",
  configurable: true,
  writable: true,
});
