/** What connections, pipes and child processes need on Node. */

import { nodePipes } from "./node_fds.ts";
import { nodeProcesses } from "./node_processes.ts";
import { nodeSockets } from "./node_sockets.ts";
import { noted } from "./children.ts";
import { nodeDns } from "./dns.ts";
import type { Io } from "./late_io.ts";
import { nodeDatagrams } from "./node_datagrams.ts";
import { once } from "./once.ts";

/** Makes it. */
export function nodeIo(): Io {
  const processes = once(() => noted(nodeProcesses()));
  return {
    sockets: nodeSockets(),
    datagrams: nodeDatagrams(),
    dns: nodeDns(),
    pipes: nodePipes(),
    get processes() {
      return processes();
    },
  };
}
