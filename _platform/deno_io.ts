/** What connections, pipes and child processes need on Deno. */

import { denoPipes } from "./deno_pipes.ts";
import { denoProcesses } from "./deno_processes.ts";
import { denoSockets } from "./deno_sockets.ts";
import { noted } from "./children.ts";
import { nodeDns } from "./dns.ts";
import type { Io } from "./late_io.ts";
import { nodeDatagrams } from "./node_datagrams.ts";
import { once } from "./once.ts";

/** Makes it. */
export function denoIo(): Io {
  const processes = once(() => noted(denoProcesses()));
  return {
    sockets: denoSockets(),
    datagrams: nodeDatagrams(),
    dns: nodeDns(),
    pipes: denoPipes(),
    get processes() {
      return processes();
    },
  };
}
