/**
 * What asyncio's transports promise, as one suite for every kind of them: the order of
 * the calls, flow control, half closes, closing and aborting, errors of protocols.
 *
 * A kind is given by a function that connects two protocols on a running loop. It may
 * return before `connectionMade` was called; the suite waits for that.
 */

import { describe } from "./_harness.ts";
import { kindOf, type Open, type SuiteOptions } from "./_transport_scene.ts";
import {
  flowControl,
  orderOfCalls,
  reading,
  writing,
} from "./_transport_flow.ts";
import {
  changingProtocols,
  closing,
  errorsOfProtocols,
  halfCloses,
} from "./_transport_ends.ts";

export {
  type Connected,
  type Guarded,
  type Open,
  pattern,
  type SuiteOptions,
} from "./_transport_scene.ts";

/** Registers the suite for a kind of transport. */
export function transportSuite(
  name: string,
  open: Open,
  options: SuiteOptions = {},
): void {
  describe(name, () => {
    const kind = kindOf(open, options);
    orderOfCalls(kind);
    reading(kind);
    writing(kind);
    flowControl(kind);
    halfCloses(kind);
    closing(kind);
    changingProtocols(kind);
    errorsOfProtocols(kind);
  });
}
