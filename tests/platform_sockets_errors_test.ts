/** What stream sockets say when something is wrong. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  abstractName,
  bytes,
  failure,
  own,
  pass,
  placeOf,
  until,
} from "./_sockets.ts";
import { Child, commandLine } from "./_child.ts";
import { describe, it, runtime, sharesPorts } from "./_harness.ts";
import {
  NotImplementedError,
  type OSError,
  PermissionError,
} from "../exceptions.ts";
import { platform } from "../_platform/mod.ts";
import { systemError } from "../_platform/socket_errors.ts";
import type { TcpTarget, UnixTarget } from "../_platform/sockets.ts";

const { sockets } = platform;
const HOST = "127.0.0.1";

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const listener = await sockets.listen({ host: HOST, port: 0 });
  const [, port] = listener.local as [string, number];
  listener.close();
  return port;
}

describe("connecting", () => {
  const wrong: Record<string, [TcpTarget | UnixTarget, string, number?]> = {
    "a broadcast address": [
      { host: "255.255.255.255", port: 9 },
      "ENETUNREACH",
      101,
    ],
    "a multicast address": [{ host: "224.0.0.1", port: 9 }, "ENETUNREACH", 101],
    // A newer Node chooses one.
    ...runtime !== "node" && {
      "a link-local address without its scope": [
        { host: "fe80::1", port: 9 },
        "EINVAL",
        22,
      ],
    },
    "an unknown name": [{ host: "no.such.name.invalid", port: 9 }, "ENOTFOUND"],
    "from an address that is not there": [
      { host: HOST, port: 9, localAddress: "192.0.2.99" },
      "EADDRNOTAVAIL",
      99,
    ],
    "a path that is not there": [
      { path: "/nonexistent-folder/socket" },
      "ENOENT",
      2,
    ],
    "a path below a file": [{ path: "/etc/passwd/socket" }, "ENOTDIR", 20],
    "an abstract name that nobody has": [
      { path: abstractName() },
      "ECONNREFUSED",
      111,
    ],
    "a path of 108 bytes": [
      { path: `/tmp/${"ä".repeat(51)}x` },
      "ENAMETOOLONG",
      36,
    ],
    "an empty path": [{ path: "" }, "EINVAL", 22],
    "a path with a zero byte in it": [{ path: "/tmp/a\0b" }, "EINVAL", 22],
  };
  for (const [what, [to, code, errno]] of Object.entries(wrong)) {
    it(`to ${what} fails with ${code}`, async () => {
      const error = await failure(sockets.connect(to));
      assertEquals(error.code, code);
      assertEquals(error.errno, errno);
      assert(error.message.startsWith("Cannot connect "), error.message);
      assert(error.message.includes(": "), error.message);
    });
  }

  it("to a port that nobody listens on is refused", async () => {
    const port = await freePort();
    const error = await failure(sockets.connect({ host: HOST, port }));
    assertEquals(error.name, "ConnectionRefusedError");
    assertEquals(error.code, "ECONNREFUSED");
    assertEquals(error.errno, 111);
    assertEquals(
      error.message,
      `Cannot connect to ${HOST}:${port}: connection refused`,
    );
    assert(error.cause instanceof Error);
  });

  it("to no port at all is a RangeError", async () => {
    for (const port of [-1, 65536, 1.5, NaN]) {
      await assertRejects(
        () => sockets.connect({ host: HOST, port }),
        RangeError,
        "a port is from 0 to 65535",
      );
      await assertRejects(
        () => sockets.listen({ host: HOST, port }),
        RangeError,
      );
    }
  });

  it("goes from the local address that was asked for", async () => {
    const listener = await sockets.listen({ host: HOST, port: 0 });
    const fars: string[] = [];
    listener.start((socket) => {
      fars.push(socket.remote[0] as string);
      own(socket);
      socket.abort();
    }, () => {});
    const [host, port] = listener.local as [string, number];
    const end = own(
      await sockets.connect({ host, port, localAddress: "127.0.0.5" }),
    );
    assertEquals(end.socket.local[0], "127.0.0.5");
    await until(() => fars.length === 1);
    assertEquals(fars, ["127.0.0.5"]);
    end.socket.close();
    await until(() => end.ear.closed);
    listener.close();
  });

  it("is given up by its signal, before, during and after", async () => {
    const listener = await sockets.listen({ host: HOST, port: 0 });
    const reason = new Error("enough");
    const fars: ReturnType<typeof own>[] = [];
    listener.start((socket) => {
      const end = own(socket);
      socket.resume();
      fars.push(end);
    }, () => {});
    const to = placeOf(listener);
    const before = AbortSignal.abort(reason);
    assertStrictEquals(
      await sockets.connect(to, before).catch((error) => error),
      reason,
    );
    const during = new AbortController();
    const attempt = sockets.connect(to, during.signal).catch((error) => error);
    during.abort(reason);
    assertStrictEquals(await attempt, reason);
    const after = new AbortController();
    const end = own(await sockets.connect(to, after.signal));
    after.abort(reason);
    end.socket.write(bytes("alive"));
    await until(() => fars.some(({ ear }) => ear.size === 5));
    end.socket.abort();
    await until(() => end.ear.closed);
    // The connection that was given up does not stay.
    for (const far of fars) {
      await until(() => far.ear.eof || far.ear.closed);
      far.socket.abort();
      await until(() => far.ear.closed);
    }
    listener.close();
  });
});

describe("listening", () => {
  it("on a port in use fails, and the first one goes on", async () => {
    const first = await sockets.listen({ host: HOST, port: 0 });
    const [host, port] = first.local as [string, number];
    const error = await failure(sockets.listen({ host, port }));
    assertEquals([error.code, error.errno], ["EADDRINUSE", 98]);
    assertEquals(
      error.message,
      `Cannot listen on ${host}:${port}: address already in use`,
    );
    let count = 0;
    first.start((socket) => {
      count++;
      own(socket);
      socket.abort();
    }, () => {});
    const end = own(await sockets.connect({ host, port }));
    await until(() => count === 1);
    end.socket.abort();
    await until(() => end.ear.closed);
    first.close();
  });

  it("on what is not this machine's fails", async () => {
    const error = await failure(
      sockets.listen({ host: "192.0.2.99", port: 0 }),
    );
    assertEquals([error.code, error.errno], ["EADDRNOTAVAIL", 99]);
    const unknown = await failure(
      sockets.listen({ host: "no.such.name.invalid", port: 0 }),
    );
    assertEquals(unknown.code, "ENOTFOUND");
  });

  it("shares a port with reusePort alone", async () => {
    if (!sharesPorts) {
      await assertRejects(
        () => sockets.listen({ host: HOST, port: 0, reusePort: true }),
        NotImplementedError,
        "Node",
      );
      return;
    }
    const first = await sockets.listen({
      host: HOST,
      port: 0,
      reusePort: true,
    });
    const [host, port] = first.local as [string, number];
    const second = await sockets.listen({ host, port, reusePort: true });
    assertEquals(second.local, first.local);
    const error = await failure(sockets.listen({ host, port }));
    assertEquals(error.code, "EADDRINUSE");
    first.close();
    second.close();
  });

  it("takes a backlog", async () => {
    const listener = await sockets.listen({ host: HOST, port: 0, backlog: 7 });
    listener.close();
  });

  it("keeps the process until it is closed or unref'd", async () => {
    for (const how of ["close", "unref"]) {
      const child = Child.start("listening.ts", [how], { allowAll: true });
      await child.line("listening");
      await pass(50);
      await child.line("done");
      assertEquals((await child.end).code, 0);
    }
  });

  it("has ref() and unref() that do nothing once it is closed", async () => {
    const listener = await sockets.listen({ host: HOST, port: 0 });
    listener.start(() => {}, () => {});
    listener.close();
    listener.ref();
    listener.unref();
  });

  it("says that there are no file descriptors left, and goes on", {
    // Bun says nothing, and accepts when there is one again.
    on: ["deno"],
  }, async () => {
    const line = commandLine("few_files.ts", [], { allowAll: true })
      .map((word) => `'${word}'`).join(" ");
    const child = new Child(["sh", "-c", `ulimit -n 60; exec ${line}`]);
    const port = Number(await child.line("port "));
    const ends = await Promise.all(
      Array.from(
        { length: 60 },
        async () => own(await sockets.connect({ host: HOST, port })),
      ),
    );
    assertEquals(
      await child.line("failed "),
      `EMFILE Cannot accept a connection on ${HOST}:${port}: too many open files`,
    );
    await child.line("again ");
    for (const end of ends) end.socket.abort();
    await until(() => ends.every((end) => end.ear.closed));
    assertEquals((await child.end).code, 0);
  });
});

describe("without a file descriptor left", () => {
  it("opening anything is EMFILE, and works again later", async () => {
    const line = commandLine("no_files.ts", [], { allowAll: true })
      .map((word) => `'${word}'`).join(" ");
    const child = new Child(["sh", "-c", `ulimit -n 90; exec ${line}`]);
    const outcomes = { before: "works", without: "EMFILE", after: "works" };
    for (const [when, outcome] of Object.entries(outcomes)) {
      for (
        const kind of [
          "listen",
          "listen on a path",
          "connect",
          "connect to a path",
          "datagrams",
        ]
      ) await child.line(`${when}: ${kind} ${outcome}`);
    }
    assertEquals((await child.end).code, 0);
  });
});

describe("without Deno's permission", () => {
  const none = { on: ["deno" as const], permissions: { net: false } };

  it("connecting and listening fail, and name the flag", none, async () => {
    const attempts = {
      "Cannot connect to": sockets.connect({ host: HOST, port: 9 }),
      "Cannot listen on": sockets.listen({ host: HOST, port: 9 }),
      "Cannot connect to 127": sockets.connect({
        host: HOST,
        port: 9,
        localAddress: "127.0.0.2",
      }),
      "Cannot listen on 127": sockets.listen({
        host: HOST,
        port: 9,
        reusePort: true,
      }),
    };
    for (const [start, attempt] of Object.entries(attempts)) {
      const error = await failure(attempt);
      assert(error instanceof PermissionError);
      assertEquals([error.code, error.errno], ["EACCES", 13]);
      assert(error.message.startsWith(start), error.message);
      assert(error.message.includes('"127.0.0.1:9"'), error.message);
      assert(error.message.includes("--allow-net"), error.message);
    }
  });

  it("datagrams and names fail, and name the flag", none, async () => {
    const attempts = [
      platform.datagrams.open({ local: { host: HOST, port: 9 } }),
      platform.datagrams.open({ remote: { host: HOST, port: 9 } }),
      platform.dns.lookup("localhost"),
      platform.dns.lookupService(HOST, 9),
    ];
    for (const attempt of attempts) {
      const error = await failure(attempt);
      assert(error instanceof PermissionError, `${error}`);
      assert(error.message.includes("--allow-net"), error.message);
    }
    assertEquals((await platform.dns.lookup(HOST)).length, 1);
  });

  it("Unix sockets fail, and name the flag", {
    on: ["deno"],
    permissions: { read: false, write: false },
  }, async () => {
    const error = await failure(sockets.listen({ path: "/tmp/no-right" }));
    assert(error instanceof PermissionError);
    assert(error.message.includes("--allow-read"), error.message);
  });
});

describe("a runtime's error", () => {
  it("becomes the library's once, with what was being done", () => {
    const cause = Object.assign(new Error("odd"), {
      code: "EPIPE",
      errno: -32,
    });
    const error = systemError("Cannot do it", cause) as OSError;
    assertEquals(error.message, "Cannot do it: broken pipe");
    assertEquals([error.name, error.errno], ["BrokenPipeError", 32]);
    assertStrictEquals(error.cause, cause);
    assertStrictEquals(systemError("Cannot do more", error), error);
  });

  it("keeps its text when its code is unknown or missing", () => {
    for (const code of [undefined, 7, "UNKNOWN", "ERR_STRANGE"]) {
      const cause = Object.assign(new Error("strange"), { code });
      const error = systemError("Cannot do it", cause) as OSError;
      assertEquals(error.message, "Cannot do it: strange");
      assertEquals(error.code, "");
    }
    assertEquals(
      systemError("Cannot do it", "text").message,
      "Cannot do it: text",
    );
  });
});
