/** What all transports promise, of a pipe each way. */

import "../_net/whole.ts";
import type { BaseEventLoop, BaseProtocol, Transport } from "../mod.ts";
import { platform } from "../_platform/mod.ts";
import { fifos } from "./_fifos.ts";
import { type Connected, transportSuite } from "./_transport_suite.ts";

transportSuite("duplex pipe", async (loop, client, server) => {
  const made = fifos(2);
  const [up, down] = made.paths as [string, string];
  const { pipes } = platform;
  const [upRead, upWrite, downRead, downWrite] = await Promise.all([
    pipes.openRead(up),
    pipes.openWrite(up),
    pipes.openRead(down),
    pipes.openWrite(down),
  ]);
  const connect = (
    input: typeof upRead,
    output: typeof upWrite,
    protocol: BaseProtocol,
  ): Transport =>
    (loop as BaseEventLoop)._makeDuplexPipeTransport(input, output, protocol);
  const connected: Connected = {
    client: connect(downRead, upWrite, client),
    server: connect(upRead, downWrite, server),
    release: () => made[Symbol.dispose](),
  };
  return connected;
}, {
  lostWrites: "pipe closed by peer or os.write(pipe, data) raised exception.",
  skip: {
    "above the high mark it pauses, at the low mark it resumes":
      "the runtimes tell a moment later what a pipe has taken: see pipes_test",
    "abort while closing ends the wait for the peer":
      "what it writes fits the pipe, as it turns out: see pipes_test",
  },
});
