/** Methods that a class was expected to bring along. */

import { NotImplementedError } from "./errors.ts";

/** The error for a method that a class was expected to bring along. */
export function missing(self: object, method: string): NotImplementedError {
  return new NotImplementedError(
    `Cannot call ${method}(): ${self.constructor.name} does not have it`,
  );
}
