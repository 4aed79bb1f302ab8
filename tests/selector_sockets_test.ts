/** The loop's calls that use sockets by hand, and watched sockets. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { pattern } from "./_transport_suite.ts";
import {
  BlockingIOError,
  CancelledError,
  createTask,
  getRunningLoop,
  Protocol,
  run,
  RuntimeError,
  SelectorEventLoop,
  SendfileNotAvailableError,
  sleep,
  Socket,
  type SocketFamily,
  waitFor,
} from "../mod.ts";

const HOSTS = { inet: "127.0.0.1", inet6: "::1", unix: "" } as const;
let serial = 0;

type Body = (
  loop: SelectorEventLoop,
  near: Socket,
  far: Socket,
  listener: Socket,
) => Promise<void>;

/** Runs a test on two connected sockets. */
function pair(
  body: Body,
  family: SocketFamily = "inet",
): () => Promise<void> {
  return () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using listener = new Socket(family);
      await listener.bind(
        family === "unix"
          ? `\0asyncio-sock-${loop._platform.os.pid}-${serial++}`
          : [HOSTS[family], 0],
      );
      await listener.listen();
      using near = new Socket(family);
      await loop.sockConnect(near, listener.getSockName());
      const [far, address] = await loop.sockAccept(listener);
      try {
        if (family !== "unix") assertEquals(address, near.getSockName());
        await body(loop, near, far, listener);
      } finally {
        far.close();
        near.close();
        await settle();
      }
    });
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 10));

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

describe("sockets by hand", () => {
  for (const family of ["inet", "inet6", "unix"] as const) {
    it(
      `${family}: connect, accept, send and receive`,
      pair(async (loop, near, far) => {
        await loop.sockSendAll(near, bytes("hello"));
        assertEquals(text(await loop.sockRecv(far, 3)), "hel");
        assertEquals(text(await loop.sockRecv(far, 100)), "lo");
        const late = createTask(loop.sockRecv(near, 100));
        await sleep(0.005);
        assert(!late.done());
        await loop.sockSendAll(far, bytes("answer"));
        assertEquals(text(await late), "answer");
      }, family),
    );
  }

  it(
    "sockRecv gives nothing at the end, again and again",
    pair(async (loop, near, far) => {
      near.shutdown("write");
      assertEquals((await loop.sockRecv(far, 10)).length, 0);
      assertEquals((await loop.sockRecv(far, 10)).length, 0);
      await loop.sockSendAll(far, bytes("still"));
      assertEquals(text(await loop.sockRecv(near, 10)), "still");
    }),
  );

  it(
    "sockRecvInto fills a buffer of several chunks",
    pair(async (loop, near, far) => {
      await loop.sockSendAll(near, bytes("one"));
      await sleep(0.01);
      await loop.sockSendAll(near, bytes("two"));
      const buffer = new Uint8Array(4);
      let all = "";
      while (all.length < 6) {
        const count = await loop.sockRecvInto(far, buffer);
        all += text(buffer.subarray(0, count));
      }
      assertEquals(all, "onetwo");
    }),
  );

  it(
    "sockSendAll waits for a peer that reads late, and may reuse its bytes",
    pair(async (loop, near, far) => {
      const data = pattern(6 * 1024 * 1024);
      const sent = data.slice();
      const sending = createTask(loop.sockSendAll(near, sent));
      await sleep(0.02);
      assert(!sending.done());
      let at = 0;
      const checkUp = createTask(async () => {
        while (at < data.length) {
          const chunk = await loop.sockRecv(far, 1 << 20);
          for (let i = 0; i < chunk.length; i += 997) {
            assertEquals(chunk[i], data[at + i]);
          }
          at += chunk.length;
        }
      });
      await sending;
      sent.fill(0);
      await checkUp;
      assertEquals(at, data.length);
    }),
  );

  it(
    "a cancelled sockSendAll sends no more than is on its way",
    pair(async (loop, near, far) => {
      const data = pattern(24 * 1024 * 1024);
      const sending = createTask(loop.sockSendAll(near, data));
      await sleep(0.05);
      sending.cancel();
      await assertRejects(async () => await sending, CancelledError);
      let at = 0;
      const counting = createTask(async () => {
        for (;;) {
          const chunk = await loop.sockRecv(far, 1 << 20);
          if (chunk.length === 0) return;
          for (let i = 0; i < chunk.length && at + i < data.length; i += 997) {
            assertEquals(chunk[i], data[at + i]);
          }
          at += chunk.length;
        }
      });
      await sleep(0.05);
      near.close();
      await waitFor(counting, 2);
      assert(at > 0 && at < data.length, `${at} bytes`);
    }),
  );

  it(
    "a cancelled receive loses nothing",
    pair(async (loop, near, far) => {
      const receiving = createTask(loop.sockRecv(far, 10));
      await sleep(0.005);
      receiving.cancel();
      await assertRejects(async () => await receiving, CancelledError);
      await loop.sockSendAll(near, bytes("kept"));
      assertEquals(text(await waitFor(loop.sockRecv(far, 10), 2)), "kept");
    }),
  );

  it(
    "what is unread is bounded",
    pair(async (loop, near, far) => {
      let sent = 0;
      const piece = pattern(256 * 1024);
      await loop.sockSendAll(near, bytes("x"));
      await loop.sockRecv(far, 1);
      const sending = createTask(async () => {
        for (; sent < 64 * 1024 * 1024; sent += piece.length) {
          await loop.sockSendAll(near, piece);
        }
      });
      await sleep(0.1);
      assert(sent < 32 * 1024 * 1024, `${sent} bytes taken`);
      sending.cancel();
      await sending.then(() => {}, () => {});
    }),
  );

  it(
    "closing a socket ends the wait for it",
    pair(async (loop, near) => {
      const receiving = createTask(loop.sockRecv(near, 10));
      await sleep(0.005);
      near.close();
      const error = await assertRejects(async () => await receiving);
      assertEquals((error as { code?: string }).code, "EBADF");
    }),
  );

  it(
    "a peer that is gone breaks sending",
    pair(async (loop, near, far) => {
      far.close();
      const error = await assertRejects(async () => {
        for (let i = 0; i < 200; i++) {
          await loop.sockSendAll(near, pattern(10_000));
          await sleep(0.002);
        }
      });
      assert(
        ["EPIPE", "ECONNRESET"].includes((error as { code: string }).code),
      );
    }),
  );

  it("refused: the error has its code", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using listener = new Socket();
      await listener.bind(["127.0.0.1", 0]);
      await listener.listen();
      const address = listener.getSockName();
      listener.close();
      await settle();
      using sock = new Socket();
      const error = await assertRejects(async () =>
        await loop.sockConnect(sock, address)
      );
      assertEquals((error as { code?: string }).code, "ECONNREFUSED");
    }));

  it(
    "sockConnect takes a name",
    pair(async (loop, _near, _far, listener) => {
      using another = new Socket("inet");
      const port = Number(listener.getSockName()[1]);
      await loop.sockConnect(another, ["localhost", port]);
      assertEquals(another.getPeerName(), ["127.0.0.1", port]);
      const [peer] = await loop.sockAccept(listener);
      peer.close();
    }),
  );

  it(
    "sockAccept waits, and takes each connection once",
    pair(async (loop, _near, _far, listener) => {
      const accepting = createTask(loop.sockAccept(listener));
      await sleep(0.005);
      assert(!accepting.done());
      using one = new Socket();
      using two = new Socket();
      await loop.sockConnect(one, listener.getSockName());
      const [first, address] = await accepting;
      assertEquals(address, one.getSockName());
      await loop.sockConnect(two, listener.getSockName());
      const [second] = await loop.sockAccept(listener);
      assertEquals(second.getPeerName(), two.getSockName());
      first.close();
      second.close();
    }),
  );

  it(
    "sockSendFile sends a part of a file",
    pair(async (loop, near, far) => {
      const file = new Blob([pattern(300_000).slice()]);
      const sending = createTask(
        loop.sockSendFile(near, file, 1000, 200_000),
      );
      let got = 0;
      while (got < 200_000) got += (await loop.sockRecv(far, 65536)).length;
      assertEquals([await sending, got], [200_000, 200_000]);
      await assertRejects(
        async () =>
          await loop.sockSendFile(near, file, 0, null, { fallback: false }),
        SendfileNotAvailableError,
      );
      await assertRejects(
        async () => await loop.sockSendFile(near, file, 0, 0),
        RangeError,
      );
    }),
  );

  it(
    "what is no socket, no count or no bytes is refused",
    pair(async (loop, near) => {
      for (const wrong of [5, null, "sock", {}] as never[]) {
        await assertRejects(
          async () => await loop.sockRecv(wrong, 1),
          TypeError,
        );
        assertThrows(() => loop.addReader(wrong, () => {}), TypeError);
      }
      for (const wrong of [-1, 1.5, NaN]) {
        await assertRejects(
          async () => await loop.sockRecv(near, wrong),
          RangeError,
        );
      }
      await assertRejects(
        async () => await loop.sockSendAll(near, "text" as never),
        TypeError,
      );
    }),
  );

  it("an unconnected socket says so", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using sock = new Socket();
      for (
        const call of [
          async () => void await loop.sockRecv(sock, 1),
          async () => await loop.sockSendAll(sock, bytes("x")),
        ]
      ) {
        const error = await assertRejects(call);
        assertEquals((error as { code?: string }).code, "ENOTCONN");
      }
    }));
});

describe("sockets and transports", () => {
  it(
    "what a socket has read goes to the transport made of it",
    pair(async (loop, near, far) => {
      assertThrows(() => far.recv(1), BlockingIOError);
      await loop.sockSendAll(near, bytes("early"));
      await sleep(0.01);
      let received = "";
      let ended = false;
      class Reader extends Protocol {
        override dataReceived(data: Uint8Array) {
          received += text(data);
        }
        override eofReceived() {
          ended = true;
        }
      }
      const [transport] = await loop.connectAcceptedSocket(
        () => new Reader(),
        far,
      );
      await loop.sockSendAll(near, bytes(" late"));
      near.shutdown("write");
      for (let i = 0; i < 100 && !ended; i++) await sleep(0.002);
      assertEquals([received, ended], ["early late", true]);
      transport.close();
    }),
  );

  it(
    "a socket that a transport owns is refused, and close leaves it",
    pair(async (loop, near) => {
      const [transport] = await loop.createConnection(
        () => new Protocol(),
        null,
        null,
        { sock: near },
      );
      await assertRejects(
        async () => await loop.sockRecv(near, 1),
        RuntimeError,
        "is used by <_SelectorSocketTransport",
      );
      assertThrows(() => loop.addReader(near, () => {}), RuntimeError);
      near.close();
      assert(!transport.isClosing());
      transport.close();
    }),
  );
});

describe("watched sockets", () => {
  it(
    "a reader is called in each iteration while there is something",
    pair(async (loop, near, far) => {
      let calls = 0;
      const got: string[] = [];
      const done = loop.createFuture<void>();
      loop.addReader(far, (mark: string) => {
        assertEquals(mark, "mark");
        if (++calls < 3) return;
        got.push(text(far.recv(2)));
        if (got.join("") === "abcd") done.setResult();
      }, "mark");
      await sleep(0.005);
      assertEquals(calls, 0);
      await loop.sockSendAll(near, bytes("abcd"));
      await done;
      assertEquals([calls, got], [4, ["ab", "cd"]]);
      await sleep(0.005);
      assertEquals(calls, 4);
      assert(loop.removeReader(far));
      assert(!loop.removeReader(far));
      await loop.sockSendAll(near, bytes("more"));
      await sleep(0.01);
      assertEquals(calls, 4);
    }),
  );

  it(
    "a second reader replaces the first",
    pair(async (loop, near, far) => {
      const got: string[] = [];
      loop.addReader(far, () => got.push("first"));
      loop.addReader(far, () => {
        got.push(text(far.recv(10)));
        loop.removeReader(far);
      });
      await loop.sockSendAll(near, bytes("data"));
      await sleep(0.02);
      assertEquals(got, ["data"]);
    }),
  );

  it(
    "a reader hears of the end",
    pair(async (loop, near, far) => {
      const ended = loop.createFuture<number>();
      loop.addReader(far, () => {
        ended.setResult(far.recv(10).length);
        loop.removeReader(far);
      });
      near.close();
      assertEquals(await ended, 0);
    }),
  );

  it(
    "a reader of a listening socket accepts",
    pair(async (loop, _near, _far, listener) => {
      const accepted = loop.createFuture<Socket>();
      loop.addReader(listener, () => {
        accepted.setResult(listener.accept()[0]);
        loop.removeReader(listener);
      });
      using another = new Socket();
      await loop.sockConnect(another, listener.getSockName());
      using peer = await accepted;
      assertEquals(peer.getPeerName(), another.getSockName());
    }),
  );

  it(
    "a writer is called while there is room, and again when there is",
    pair(async (loop, near, far) => {
      const total = 8 * 1024 * 1024;
      const piece = pattern(256 * 1024);
      let sent = 0;
      loop.addWriter(near, () => {
        try {
          while (sent < total) sent += near.send(piece);
        } catch (error) {
          assert(error instanceof BlockingIOError);
          return;
        }
        loop.removeWriter(near);
      });
      let got = 0;
      while (got < total) got += (await loop.sockRecv(far, 1 << 20)).length;
      assertEquals(sent, got);
      assert(!loop.removeWriter(near));
    }),
  );

  it(
    "an error of a reader is reported, and the loop goes on",
    pair(async (loop, near, far) => {
      const reports: unknown[] = [];
      loop.setExceptionHandler((_, { exception }) => reports.push(exception));
      const failure = new Error("reader");
      loop.addReader(far, () => {
        loop.removeReader(far);
        throw failure;
      });
      await loop.sockSendAll(near, bytes("x"));
      await sleep(0.01);
      assertEquals(reports.length, 1);
      assertStrictEquals(reports[0], failure);
    }),
  );

  it("a closed loop watches nothing", async () => {
    const loop = new SelectorEventLoop();
    loop.close();
    using sock = new Socket();
    assertThrows(() => loop.addReader(sock, () => {}), RuntimeError);
    assertEquals([loop.removeReader(sock), loop.removeWriter(sock)], [
      false,
      false,
    ]);
    await Promise.resolve();
  });
});
