/** A planted bug beside the same program without it. */
import type { TestBody } from "../../testing.ts";

export interface Race {
  readonly name: string;
  /** Fails under some schedule. */
  readonly planted: TestBody<unknown>;
  /** Fails under none. */
  readonly corrected: TestBody<unknown>;
}
