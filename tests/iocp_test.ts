/** What a proactor of Windows does with datagrams and files, on any system. */

import { assertEquals } from "@std/assert";
import { fakePlatform } from "../_platform/fake.ts";
import { platform as real } from "../_platform/mod.ts";
import { Socket, type SocketAddress, waitFor } from "../mod.ts";
import { type IocpProactor, ProactorEventLoop } from "../windows_events.ts";
import { describe, it } from "./_harness.ts";
import { bytes, text } from "./_network.ts";

/** The runtime's sockets, on what says that it is Windows. */
const windows = () => ({
  ...fakePlatform({ os: "win32" }),
  clock: real.clock,
  sockets: real.sockets,
  datagrams: real.datagrams,
});

async function inProactor(
  main: (proactor: IocpProactor, loop: ProactorEventLoop) => Promise<void>,
): Promise<void> {
  const loop = new ProactorEventLoop(null, { platform: windows() });
  try {
    await loop.runUntilComplete(waitFor(() => main(loop._proactor, loop), 4));
  } finally {
    loop.close();
  }
  for (let i = 0; i < 3; i++) {
    await new Promise<void>((done) => setTimeout(done, 1));
  }
}

const LOOPBACK = ["127.0.0.1", 0] as const;

describe("IocpProactor", () => {
  it("sends datagrams, and receives them with who sent them", async () => {
    await inProactor(async (proactor) => {
      const [near, far] = [
        new Socket("inet", "dgram"),
        new Socket("inet", "dgram"),
      ];
      await near.bind(LOOPBACK);
      await far.bind(LOOPBACK);
      const [from, to] = [near.getSockName(), far.getSockName()];
      const first = proactor.recvfrom(far, 100);
      assertEquals(await proactor.sendTo(near, bytes("one"), 0, to), 3);
      const [data, sender] = await first;
      assertEquals([text(data), sender], ["one", from as SocketAddress]);

      const buffer = new Uint8Array(100);
      const second = proactor.recvfromInto(far, buffer);
      assertEquals(await proactor.sendTo(near, bytes("second"), 0, to), 6);
      assertEquals(await second, [6, from as SocketAddress]);
      assertEquals(text(buffer.subarray(0, 6)), "second");
      near.close();
      far.close();
    });
  });

  it("sends files, from an offset and no more than was asked for", async () => {
    await inProactor(async (proactor) => {
      const listener = new Socket("inet");
      await listener.bind(LOOPBACK);
      await listener.listen();
      const client = new Socket("inet");
      const accepting = proactor.accept(listener);
      await proactor.connect(client, listener.getSockName());
      const [peer] = await accepting;
      const content = bytes("0123456789");
      const file = () => {
        let at = 0;
        return {
          seek: (offset: number) => void (at = offset),
          read: (buffer: Uint8Array) => {
            const part = content.subarray(at, at + buffer.length);
            buffer.set(part);
            at += part.length;
            return part.length;
          },
        };
      };
      assertEquals(await proactor.sendFile(client, file() as never, 2, 3), 3);
      assertEquals(text(await proactor.recv(peer, 100)), "234");
      assertEquals(await proactor.sendFile(client, file() as never, 7, 0), 3);
      assertEquals(text(await proactor.recv(peer, 100)), "789");
      for (const sock of [peer, client, listener]) sock.close();
    });
  });
});
