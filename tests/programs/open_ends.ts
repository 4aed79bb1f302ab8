/**
 * Programs that tests/network_leaving_test.ts runs to their end, one per name: what
 * they leave open must not keep them, and what they wait for must.
 */

import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  createTask,
  DatagramProtocol,
  openConnection,
  run,
  SelectorEventLoop,
  Socket,
  startServer,
  startUnixServer,
} from "../../mod.ts";

// deno-lint-ignore no-console
const print = (line: string) => console.log(line);
const HOST = "127.0.0.1";
/** What the program has left open; it holds it to the end. */
const left: unknown[] = [];
const loop = new SelectorEventLoop();

async function listener(): Promise<Socket> {
  const socket = new Socket("inet");
  await socket.bind([HOST, 0]);
  await socket.listen();
  left.push(socket);
  return socket;
}

/** Connects from a process of its own, a while later. */
function connectLater(port: number): void {
  const child = spawn("sh", [
    "-c",
    `sleep 0.2; exec python3 -c 'import socket; socket.create_connection(("${HOST}", ${port}))'`,
  ], { stdio: "ignore" });
  child.unref();
}

const programs: Record<string, () => Promise<void>> = {
  "a server": async () => {
    left.push(await startServer(() => {}, HOST, 0));
  },

  "a Unix server": async () => {
    const path = join(tmpdir(), `open-ends-${process.pid}`);
    left.push(await startUnixServer(() => {}, path));
  },

  "a connection": async () => {
    const server = await startServer((reader) => reader.read(), HOST, 0);
    const [, port] = server.sockets[0]!.getSockName() as [string, number];
    left.push(server, await openConnection(HOST, port));
  },

  "a datagram endpoint": async () => {
    const make = () => new DatagramProtocol();
    left.push(await loop.createDatagramEndpoint(make, [HOST, 0]));
  },

  "a listening socket": async () => {
    const socket = await listener();
    left.push(createTask(loop.sockAccept(socket)));
  },

  "a connected socket": async () => {
    const server = await listener();
    const client = new Socket("inet");
    await loop.sockConnect(client, server.getSockName());
    left.push(client, await loop.sockAccept(server));
  },

  "a datagram socket": async () => {
    const socket = new Socket("inet", "dgram");
    await socket.bind([HOST, 0]);
    left.push(socket, createTask(loop.sockRecv(socket, 10)));
  },

  // Nothing but the loop that runs keeps this one alive.
  waiting: async () => {
    const socket = await listener();
    connectLater((socket.getSockName() as [string, number])[1]);
    left.push(await loop.sockAccept(socket));
    print("accepted");
  },
};

await run(programs[process.argv[2]!]!, { loopFactory: () => loop });
print("over");
