/** Stream sockets: one suite over every kind of them. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  abstractName,
  bytes,
  Ear,
  own,
  type Pair,
  pass,
  pattern,
  placeOf,
  until,
  withPair,
  writeAll,
} from "./_sockets.ts";
import { describe, it, runtime } from "./_harness.ts";
import { ConnectionError, ConnectionResetError } from "../exceptions.ts";
import { fakePlatform } from "../_platform/fake.ts";
import { platform } from "../_platform/mod.ts";
import { nodeSockets } from "../_platform/node_sockets.ts";
import type {
  StreamSocket,
  StreamSockets,
  TcpPlace,
  UnixPlace,
} from "../_platform/sockets.ts";

const node = nodeSockets((globalThis as { Deno?: object }).Deno);
// Its listeners remove it when they close.
const path = join(tmpdir(), `asyncio-test-${platform.os.pid}.sock`);

interface Kind {
  readonly sockets: StreamSockets;
  readonly place: () => TcpPlace | UnixPlace;
  /** Whether abort() resets the connection here. */
  readonly resets: boolean;
}

const tcp = { host: "127.0.0.1", port: 0 };
const own4: Kind = {
  sockets: platform.sockets,
  place: () => tcp,
  resets: runtime !== "deno",
};
const kinds: Record<string, Kind> = {
  TCP: own4,
  "TCP over IPv6": { ...own4, place: () => ({ host: "::1", port: 0 }) },
  "a Unix path": {
    ...own4,
    place: () => ({ path }),
    resets: false,
  },
  "an abstract name": {
    ...own4,
    place: () => ({ path: abstractName() }),
    resets: false,
  },
  "node:net": { sockets: node, place: () => tcp, resets: true },
  memory: {
    sockets: fakePlatform().sockets,
    place: () => tcp,
    resets: true,
  },
};

for (const [name, { sockets, place, resets }] of Object.entries(kinds)) {
  const pairs = (body: (pair: Pair) => Promise<void>, borrows?: boolean) =>
    withPair(sockets, place(), body, borrows);

  describe(`a socket of ${name}`, () => {
    it("carries data both ways", () =>
      pairs(async ({ near, far }) => {
        near.socket.resume();
        far.socket.resume();
        assertEquals(near.socket.write(bytes("hello")), 5);
        await until(() => far.ear.size === 5);
        far.socket.write(bytes("world!"));
        await until(() => near.ear.size === 6);
        assertEquals(far.ear.text(), "hello");
        assertEquals(near.ear.text(), "world!");
      }));

    it("is born paused", () =>
      pairs(async ({ near, far }) => {
        near.socket.write(bytes("hello"));
        near.socket.shutdownWrite();
        await pass(30);
        assertEquals(far.ear.log, []);
        far.socket.resume();
        assertEquals(far.ear.log, []);
        await until(() => far.ear.eof);
        assertEquals(far.ear.text(), "hello");
      }));

    it("knows both addresses", () =>
      pairs(async ({ near, far, listener }) => {
        assertEquals(far.socket.local, listener.local);
        assertEquals(near.socket.remote, listener.local);
        assertEquals(near.socket.local, far.socket.remote);
        assertEquals(near.socket.family, listener.family);
        assertEquals(far.socket.family, listener.family);
      }));

    it("goes on in one direction when the other has ended", () =>
      pairs(async ({ near, far }) => {
        near.socket.resume();
        far.socket.resume();
        near.socket.write(bytes("request"));
        near.socket.shutdownWrite();
        await until(() => far.ear.eof);
        assertEquals(near.socket.write(bytes("more")), 0);
        await pass(10);
        far.socket.write(bytes("late answer"));
        await until(() => near.ear.size === 11);
        far.socket.shutdownWrite();
        await until(() => near.ear.eof);
        await pass(10);
        assertEquals(near.ear.log, ["data", "eof"]);
        assertEquals(far.ear.log, ["data", "eof"]);
        near.socket.close();
        far.socket.close();
        await until(() => near.ear.closed && far.ear.closed);
        assertStrictEquals(near.ear.error, null);
        assertStrictEquals(far.ear.error, null);
      }));

    it("does not lose what came before both ends finished, while paused", () =>
      pairs(async ({ near, far }) => {
        far.socket.shutdownWrite();
        near.socket.resume();
        await until(() => near.ear.eof);
        near.socket.write(bytes("last words"));
        near.socket.shutdownWrite();
        await pass(30);
        assertEquals(far.ear.log, []);
        far.socket.resume();
        await until(() => far.ear.eof);
        assertEquals(far.ear.text(), "last words");
        assertEquals(far.ear.log, ["data", "eof"]);
      }));

    it("stops the peer's writes while paused, and loses nothing", () =>
      pairs(async ({ near, far }) => {
        far.socket.resume();
        near.socket.write(bytes("x"));
        await until(() => far.ear.size === 1);
        far.socket.pause();
        const data = pattern(32 << 20);
        let sent = 0;
        const writing = (async () => {
          while (sent < data.length) {
            const { drains } = near.ear;
            const count = near.socket.write(
              data.subarray(sent, sent + (1 << 20)),
            );
            sent += count;
            if (count === 0) {
              await until(() => near.ear.drains > drains, "onDrain");
            }
          }
        })();
        await pass(100);
        const stalled = sent;
        assert(stalled < 16 << 20, `the peer wrote ${stalled} bytes`);
        await pass(30);
        assertEquals(sent, stalled);
        assert(far.ear.size <= 1, `${far.ear.size} bytes came while paused`);
        far.socket.resume();
        await writing;
        await until(() => far.ear.size === data.length + 1, "all bytes");
        let at = 0;
        for (const chunk of far.ear.chunks.slice(1)) {
          const expected = data.subarray(at, at + chunk.length);
          assert(Buffer.compare(chunk, expected) === 0, `differs after ${at}`);
          at += chunk.length;
        }
      }));

    it("can be paused from its own onData", () =>
      pairs(async ({ near, far }) => {
        far.ear.hook = () => far.socket.pause();
        far.socket.resume();
        for (let i = 1; i <= 3; i++) {
          near.socket.write(bytes("abc"));
          await until(() => far.ear.size === i * 3);
          await pass(5);
          far.socket.resume();
        }
        near.socket.write(bytes("d"));
        near.socket.shutdownWrite();
        await until(() => far.ear.size === 10);
        await pass(10);
        assert(!far.ear.eof);
        far.socket.resume();
        await until(() => far.ear.eof);
      }));

    it("takes more than pausing and resuming at random can confuse", () =>
      pairs(async ({ near, far }) => {
        const data = pattern(3_000_000);
        far.socket.resume();
        let seed = 7;
        const toggling = (async () => {
          while (far.ear.size < data.length) {
            seed = (seed * 1103515245 + 12345) & 0x7fffffff;
            if (seed & 65536) far.socket.pause();
            else far.socket.resume();
            await new Promise<void>((r) => platform.clock.immediate(r));
            if (seed & 131072) far.socket.resume();
          }
        })();
        await writeAll(near, data);
        await toggling;
        const got = Buffer.concat(far.ear.chunks);
        assert(Buffer.compare(got, data) === 0, "the bytes differ");
      }));

    it("says when it takes bytes again", () =>
      pairs(async ({ near, far }) => {
        const chunk = pattern(1 << 20);
        let taken = 0;
        for (;;) {
          const count = near.socket.write(chunk);
          taken += count;
          if (count > 0) continue;
          // Still full a while later: it waits for the peer.
          await pass(20);
          const more = near.socket.write(chunk);
          if (more === 0) break;
          taken += more;
        }
        assert(near.socket.buffered <= taken);
        const { drains } = near.ear;
        far.socket.resume();
        await until(() => near.ear.drains > drains);
        await until(() => near.socket.buffered === 0);
        await until(() => far.ear.size === taken);
        assert(near.socket.write(bytes("more")) === 4);
      }));

    it("delivers what was taken before close()", () =>
      pairs(async ({ near, far }) => {
        const taken = near.socket.write(pattern(8 << 20));
        near.socket.close();
        assertEquals(near.socket.write(bytes("no")), 0);
        assertEquals(near.ear.closes, 0);
        await pass(20);
        far.socket.resume();
        await until(() => far.ear.eof);
        assertEquals(far.ear.size, taken);
        await until(() => near.ear.closed);
        assertStrictEquals(near.ear.error, null);
      }));

    it("tells nothing after close(), and close exactly once", () =>
      pairs(async ({ near, far }) => {
        near.socket.resume();
        far.socket.write(bytes("hello"));
        near.socket.close();
        near.socket.close();
        near.socket.abort();
        near.socket.resume();
        near.socket.pause();
        near.socket.shutdownWrite();
        near.socket.setNoDelay(true);
        near.socket.setKeepAlive(true);
        near.socket.ref();
        near.socket.unref();
        assertEquals(near.ear.log, []);
        await pass(20);
        assertEquals(near.ear.log, ["close"]);
        assertEquals(near.ear.closes, 1);
      }));

    it("closes at once with abort(), though the peer does not read", () =>
      pairs(async ({ near, far }) => {
        near.socket.write(pattern(16 << 20));
        near.socket.abort();
        await until(() => near.ear.closed);
        assertStrictEquals(near.ear.error, null);
        assertEquals(near.socket.write(bytes("x")), 0);
        far.socket.resume();
        await until(() => far.ear.eof || far.ear.closed);
      }));

    it(
      "tells a reset by the peer",
      { skip: !resets },
      () =>
        pairs(async ({ near, far }) => {
          near.socket.resume();
          far.socket.abort();
          await until(() => near.ear.closed);
          assert(near.ear.error instanceof ConnectionResetError);
          assertEquals(near.ear.error.code, "ECONNRESET");
          assertEquals(near.socket.write(bytes("x")), 0);
        }),
    );

    it("tells, once, that the peer is gone when written to", () =>
      pairs(async ({ near, far }) => {
        far.socket.close();
        await until(() => far.ear.closed);
        for (let i = 0; i < 50 && !near.ear.closed; i++) {
          near.socket.write(bytes("anybody there?"));
          await pass(2);
        }
        assert(near.ear.error instanceof ConnectionError, `${near.ear.error}`);
        assert(
          ["EPIPE", "ECONNRESET"].includes(near.ear.error.code),
          near.ear.error.code,
        );
        await pass(5);
        assertEquals(near.ear.closes, 1);
      }));

    it("tells that the peer is gone when written to after the end", () =>
      pairs(async ({ near, far }) => {
        near.socket.resume();
        far.socket.close();
        await until(() => near.ear.eof);
        await pass(5);
        const drains = near.ear.drains;
        for (let i = 0; i < 50 && !near.ear.closed; i++) {
          near.socket.write(bytes("anybody there?"));
          await pass(2);
        }
        assert(near.ear.error instanceof ConnectionError, `${near.ear.error}`);
        assert(near.ear.drains >= drains);
      }));

    it(
      "tells an owner who comes late of a reset",
      { skip: !resets },
      async () => {
        const listener = await sockets.listen(place());
        let late: StreamSocket | null = null;
        listener.start((socket) => void (late = socket), (error) => {
          throw error;
        });
        const near = own(await sockets.connect(placeOf(listener)));
        await until(() => late !== null);
        near.socket.abort();
        await until(() => near.ear.closed);
        await pass(20);
        const far = own(late!);
        far.socket.resume();
        await until(() => far.ear.closed);
        assert(far.ear.error instanceof ConnectionResetError);
        listener.close();
      },
    );

    it("goes to a new owner with attach()", () =>
      pairs(async ({ near, far }) => {
        far.socket.resume();
        near.socket.write(bytes("one"));
        await until(() => far.ear.size === 3);
        const second = new Ear(true);
        far.socket.attach(second);
        near.socket.write(bytes("two"));
        await until(() => second.size === 3);
        far.socket.attach(far.ear);
        assertEquals(far.ear.size, 3);
        assertEquals(second.text(), "two");
      }));

    for (const borrows of [false, true]) {
      it(`echoes chunks of every size, ${borrows ? "lent" : "given"}`, () =>
        pairs(async ({ near, far }) => {
          const sizes = [1, 100, 2047, 2048, 4096, 5000, 70_000, 200_000];
          const data = pattern(300_000);
          near.socket.resume();
          far.socket.resume();
          for (const size of [...sizes, ...Array(80).fill(3), ...sizes]) {
            near.ear.chunks.length = far.ear.chunks.length = 0;
            near.ear.size = far.ear.size = 0;
            await writeAll(near, data.subarray(0, size));
            await until(() => far.ear.size === size);
            await writeAll(far, Buffer.concat(far.ear.chunks));
            await until(() => near.ear.size === size);
            const got = Buffer.concat(near.ear.chunks);
            assert(Buffer.compare(got, data.subarray(0, size)) === 0);
          }
        }, borrows));
    }

    it("lets accepted connections live on when the listener closes", () =>
      pairs(async ({ near, far, listener }) => {
        listener.close();
        listener.close();
        far.socket.resume();
        near.socket.write(bytes("still here"));
        await until(() => far.ear.size === 10);
        const failure = await sockets.connect(placeOf(listener)).then(
          () => null,
          (error) => error,
        );
        assert(
          ["ECONNREFUSED", "ENOENT"].includes(failure?.code),
          String(failure),
        );
      }));

    it("accepts what came before start(), and many at a time", async () => {
      const listener = await sockets.listen(place());
      const nears = await Promise.all(
        Array.from({ length: 20 }, () => sockets.connect(placeOf(listener))),
      );
      const ends = nears.map((socket) => own(socket));
      await pass(10);
      listener.start((socket) => {
        const end = own(socket);
        ends.push(end);
        end.ear.hook = (chunk) => socket.write(chunk);
        socket.resume();
      }, () => {});
      for (const [i, { socket }] of ends.slice(0, 20).entries()) {
        socket.resume();
        socket.write(bytes(`number ${i}`));
      }
      await until(() => ends.length === 40);
      await until(() => ends.slice(0, 20).every((end) => end.ear.size > 7));
      for (const [i, end] of ends.slice(0, 20).entries()) {
        assertEquals(end.ear.text(), `number ${i}`);
      }
      listener.close();
      for (const end of ends) end.socket.abort();
      await until(() => ends.every((end) => end.ear.closed));
    });
  });
}
