/**
 * Prints what opening sockets fails with: as it is, without a file descriptor left,
 * and once there are some again.
 */

import { closeSync, openSync } from "node:fs";
import { platform } from "../../_platform/mod.ts";
import type { StreamSocket } from "../../_platform/sockets.ts";

const { sockets, datagrams } = platform;
const host = "127.0.0.1";
const path = `\0asyncio-no-files-${platform.os.pid}`;
const nobody = {
  borrows: false,
  onData() {},
  onEof() {},
  onDrain() {},
  onClose() {},
};

function end(socket: StreamSocket): void {
  socket.attach(nobody);
  socket.abort();
}

const listener = await sockets.listen({ host, port: 0 });
const unix = await sockets.listen({ path });
const port = Number(listener.local[1]);

const attempts: Readonly<Record<string, () => Promise<void>>> = {
  async listen() {
    (await sockets.listen({ host, port: 0 })).close();
  },
  async "listen on a path"() {
    (await sockets.listen({ path: `${path}-2` })).close();
  },
  async connect() {
    end(await sockets.connect({ host, port }));
  },
  async "connect to a path"() {
    end(await sockets.connect({ path }));
  },
  async datagrams() {
    (await datagrams.open({ local: { host, port: 0 } })).abort();
  },
};

async function report(when: string): Promise<void> {
  for (const [what, attempt] of Object.entries(attempts)) {
    const outcome = await attempt().then(
      () => "works",
      (error) => error.code,
    );
    // deno-lint-ignore no-console
    console.log(`${when}: ${what} ${outcome}`);
  }
}

// What is loaded when it is first used is loaded by that.
await report("before");
const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  await report("without");
}
for (const fd of taken) closeSync(fd);
await report("after");
listener.close();
unix.close();
