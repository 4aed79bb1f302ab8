/** Unix sockets' paths, and adopted file descriptors. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import {
  abstractName,
  bytes,
  failure,
  own,
  pass,
  until,
  withFolder,
  withPair,
} from "./_sockets.ts";
import { describe, it, runtime } from "./_harness.ts";
import { NotImplementedError, OSError } from "../exceptions.ts";
import "../_platform/all_io.ts";
import { fakePlatform } from "../_platform/fake.ts";
import { platform } from "../_platform/mod.ts";

const { sockets } = platform;

/** A connected pair of file descriptors, by the C library. */
async function socketPair(): Promise<[number, number]> {
  const fds = new Int32Array(2);
  const AF_UNIX = 1;
  const SOCK_STREAM = 1;
  if (runtime === "bun") {
    const { dlopen, ptr } = await import("bun:ffi" as string);
    const { symbols } = dlopen("libc.so.6", {
      socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
    });
    assertEquals(symbols.socketpair(AF_UNIX, SOCK_STREAM, 0, ptr(fds)), 0);
  } else {
    const library = Deno.dlopen("libc.so.6", {
      socketpair: {
        parameters: ["i32", "i32", "i32", "buffer"],
        result: "i32",
      },
    });
    const result = library.symbols.socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    library.close();
    assertEquals(result, 0);
  }
  return [fds[0]!, fds[1]!];
}

describe("a Unix socket's path", () => {
  it("is in use while its file is there, and can be removed then", () =>
    withFolder(async (path) => {
      const at = { path: path("s") };
      const first = await sockets.listen({ ...at, keepPath: true });
      assertEquals((await failure(sockets.listen(at))).code, "EADDRINUSE");
      first.close();
      assert(existsSync(at.path));
      // Nobody listens on it any more.
      const error = await failure(sockets.connect(at));
      assertEquals(error.code, "ECONNREFUSED");
      assertEquals((await failure(sockets.listen(at))).code, "EADDRINUSE");
      assertEquals(sockets.removeSocketFile(at.path), true);
      assertEquals(sockets.removeSocketFile(at.path), false);
      const second = await sockets.listen(at);
      second.close();
      assert(!existsSync(at.path));
    }));

  it("that is another file stays as it is", () =>
    withFolder(async (path) => {
      writeFileSync(path("f"), "text");
      assertEquals(sockets.removeSocketFile(path("f")), false);
      assertEquals(
        (await failure(sockets.listen({ path: path("f") }))).code,
        "EADDRINUSE",
      );
      assertEquals(
        (await failure(sockets.connect({ path: path("f") }))).code,
        "ECONNREFUSED",
      );
      assert(existsSync(path("f")));
      const error = assertThrows(
        () => sockets.removeSocketFile(`${path("f")}/x`),
        OSError,
      );
      assertEquals(error.code, "ENOTDIR");
    }));

  it("is not removed when somebody else has taken it over", () =>
    withFolder(async (path) => {
      const first = await sockets.listen({ path: path("s") });
      const other = await sockets.listen({ path: path("t") });
      renameSync(path("t"), path("s"));
      const { ino } = statSync(path("s"));
      first.close();
      assertEquals(statSync(path("s")).ino, ino);
      assertEquals(sockets.removeSocketFile(path("s")), true);
      other.close();
    }));

  it("may have 107 bytes", () =>
    withFolder(async (path) => {
      const longest = path("").padEnd(107, "x");
      await withPair(sockets, { path: longest }, async ({ near, far }) => {
        assertEquals(near.socket.remote, longest);
        assertEquals(far.socket.local, longest);
        assertEquals(near.socket.local, "");
        assertEquals(far.socket.remote, "");
      });
      const error = await failure(sockets.listen({ path: `${longest}x` }));
      assertEquals(error.code, "ENAMETOOLONG");
      assertEquals(
        error.message,
        `Cannot listen on ${longest}x: the path has 108 bytes, ` +
          "a Unix socket's at most 107",
      );
    }));

  it("that is abstract leaves no file", async () => {
    const name = abstractName();
    const listener = await sockets.listen({ path: name });
    assertEquals(listener.local, name);
    const error = await failure(sockets.listen({ path: name }));
    assertEquals(error.code, "EADDRINUSE");
    assert(error.message.startsWith(`Cannot listen on @${name.slice(1)}: `));
    assertEquals(sockets.removeSocketFile(name), false);
    listener.close();
  });
});

describe("adopting a file descriptor", () => {
  // Node has no way to call the C library.
  it("makes a socket of it", { on: ["deno", "bun"] }, async () => {
    const [a, b] = await socketPair();
    const near = own(await sockets.adopt(a));
    const far = own(await sockets.adopt(b));
    assertEquals(near.socket.family, "unix");
    near.socket.write(bytes("hello"));
    await pass(20);
    assertEquals(far.ear.log, []);
    far.socket.resume();
    await until(() => far.ear.size === 5);
    near.socket.shutdownWrite();
    await until(() => far.ear.eof);
    far.socket.write(Buffer.alloc(100_000));
    far.socket.close();
    near.socket.resume();
    await until(() => near.ear.eof);
    assertEquals(near.ear.size, 100_000);
    near.socket.close();
    await until(() => near.ear.closed && far.ear.closed);
  });

  it("refuses what is no socket", async () => {
    for (const [fd, code] of [[-1, "EBADF"], [999, "EBADF"], [1.5, "EBADF"]]) {
      const error = await failure(sockets.adopt(fd as number));
      assertEquals(error.code, code);
      assertEquals(
        error.message,
        `Cannot adopt file descriptor ${fd}: bad file descriptor`,
      );
    }
    await assertRejects(
      () => fakePlatform().sockets.adopt(7),
      NotImplementedError,
      "the fake platform",
    );
  });
});
