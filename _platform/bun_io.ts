/** What connections, pipes and child processes need on Bun. */

import { bunPipes } from "./bun_pipes.ts";
import { bunProcesses } from "./bun_processes.ts";
import { bunSockets } from "./bun_sockets.ts";
import { noted } from "./children.ts";
import { nodeDns } from "./dns.ts";
import type { Io } from "./late_io.ts";
import { nodeDatagrams } from "./node_datagrams.ts";
import { once } from "./once.ts";

/** Makes it. */
export function bunIo(): Io {
  const processes = once(() => noted(bunProcesses()));
  return {
    sockets: bunSockets(),
    datagrams: nodeDatagrams(),
    dns: nodeDns(),
    pipes: bunPipes(),
    get processes() {
      return processes();
    },
  };
}
