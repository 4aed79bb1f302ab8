/**
 * Listens with few file descriptors left, prints what accepting fails with, lets
 * go of what it has, and accepts again.
 */

import { platform } from "../../_platform/mod.ts";
import type { StreamSocket } from "../../_platform/sockets.ts";

const listener = await platform.sockets.listen({ host: "127.0.0.1", port: 0 });
const sockets: StreamSocket[] = [];
const print = (line: string) => {
  // deno-lint-ignore no-console
  console.log(line);
};
let failures = 0;
let accepted = 0;

function start(): void {
  listener.start((socket) => {
    accepted++;
    sockets.push(socket);
    socket.attach({
      borrows: false,
      onData() {},
      onEof() {},
      onDrain() {},
      onClose() {},
    });
    if (failures > 0) {
      print(`again ${accepted}`);
      listener.close();
      for (const one of sockets) one.abort();
    }
  }, (error) => {
    failures++;
    print(`failed ${(error as { code?: string }).code} ${error.message}`);
    for (const socket of sockets.splice(0)) socket.abort();
    setTimeout(start, 50);
  });
}

start();
print(`port ${(listener.local as readonly [string, number])[1]}`);
