/** The adapter and the loop of browsers, on every runtime. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { getRunningLoop, newEventLoop, sleep } from "../mod.ts";
import { AbstractEventLoop } from "../events.ts";
import { NotImplementedError } from "../exceptions.ts";
import { WebEventLoop } from "../_os/web_events.ts";
import { webPlatform } from "../_platform/web.ts";
import { describe, it, runtime } from "./_harness.ts";

const platform = webPlatform();

/** The error of a capability, whether it is thrown or a promise's. */
async function refusal(ask: () => unknown): Promise<Error> {
  return await assertRejects(async () => await ask(), NotImplementedError);
}

describe("the adapter of browsers", () => {
  it("refuses what there is not, by name and with what to do", async () => {
    const { datagrams, dns, pipes, processes, signals, sockets, tls } =
      platform;
    const asked: Record<string, () => unknown> = {
      "listen to SIGTERM": () => signals.add("SIGTERM", () => {}),
      "send SIGTERM": () => signals.raiseDefault("SIGTERM"),
      "open a connection": () => sockets.connect({ host: "::1", port: 1 }),
      "listen for connections": () => sockets.listen({ path: "/x" }),
      "take over a socket": () => sockets.adopt(3),
      "remove the file of a socket": () => sockets.removeSocketFile("/x"),
      "open a datagram socket": () => datagrams.open(),
      "look up a host": () => dns.lookup("example.org"),
      "look up a host's name": () => dns.lookupService("::1", 80),
      "make a TLS context": () => tls.context(null!),
      "speak TLS": () => tls.engine(null!, null!),
      "read a file": () => tls.readText("/x"),
      "read a pipe": () => pipes.openRead(0),
      "write a pipe": () => pipes.openWrite(1),
      "start a program": () => processes.spawn(null!),
      "look up an account": () => processes.accountId("user", "x"),
    };
    for (const [action, ask] of Object.entries(asked)) {
      const { message } = await refusal(ask);
      assert(message.startsWith(`Cannot ${action}: browsers `), message);
      assert(message.split("; ")[1]!.length > 8, message);
    }
  });

  it("has no process to speak of, and needs none", () => {
    const { os, signals } = platform;
    assertEquals([platform.runtime, os.pid, os.env("HOME")], [
      "web",
      0,
      undefined,
    ]);
    assertEquals(signals.watchInterrupts(() => {}), null);
    assertEquals(signals.isHandled("SIGINT"), false);
    platform.clock.keepAlive()();
  });

  it("tells numeric hosts from names", () => {
    const { isIP } = platform.dns;
    for (const host of ["0.0.0.0", "127.0.0.1", "255.255.255.255"]) {
      assertEquals(isIP(host), 4, host);
    }
    for (const host of ["::", "::1", "fe80::1%eth0", "::ffff:1.2.3.4"]) {
      assertEquals(isIP(host), 6, host);
    }
    for (
      const host of ["", "a", "1.2.3", "1.2.3.4.", "01.2.3.4", "256.1.1.1"]
        .concat("1.2.3.4.5", "[::1]", ":::", "12345::", "localhost")
    ) assertEquals(isIP(host), 0, host);
  });

  it("has macrotasks that come in order, and let microtasks run first", {
    // What they are made of would keep other runtimes busy.
    on: ["web"],
  }, async () => {
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      for (const name of ["a", "b", "c"]) {
        platform.clock.immediate(() => {
          seen.push(name);
          queueMicrotask(() => seen.push(`after ${name}`));
          if (name === "c") platform.clock.immediate(resolve);
        });
      }
      queueMicrotask(() => seen.push("first"));
    });
    assertEquals(seen.map((name) => name.at(-1)), [..."taabbcc"]);
  });

  it("has macrotasks that browsers do not slow down", {
    on: ["web"],
  }, async () => {
    const start = performance.now();
    for (let i = 0; i < 200; i++) {
      await new Promise<void>((resolve) => platform.clock.immediate(resolve));
    }
    // Nested timers of 0 ms would take 4 ms each.
    assert(performance.now() - start < 600);
  });

  it("takes a delay that is too long for one timer", async () => {
    let fired = false;
    const timer = platform.clock.startTimer(40 * 24 * 3600, () => fired = true);
    await new Promise((resolve) => setTimeout(resolve, 5));
    platform.clock.clearTimer(timer);
    assertEquals(fired, false);
  });
});

describe("the loop of browsers", () => {
  it("runs tasks and timers", async () => {
    const loop = new WebEventLoop();
    const result = await loop.runUntilComplete(async () => {
      await sleep(0.001);
      return getRunningLoop() === loop;
    });
    loop.close();
    assertEquals(result, true);
  });

  it("is that of newEventLoop() there", { on: ["web"] }, () => {
    const loop = newEventLoop();
    assert(loop instanceof WebEventLoop);
    loop.close();
  });

  it("refuses sockets, pipes, processes and signals by name", () => {
    const loop = new WebEventLoop();
    const asks = loop as unknown as Record<string, () => unknown>;
    const words =
      /^(sock|subprocess|create[A-Z]\w*(Conn|Server|Endpoint))|^(add|remove)|Pipe|Info|^startTls|^sendFile/;
    const methods = Object.getOwnPropertyNames(AbstractEventLoop.prototype)
      .filter((name) => words.test(name));
    for (const method of [...methods, "createConnection", "addSignalHandler"]) {
      const { message } = assertThrows(
        () => asks[method]!(),
        NotImplementedError,
      );
      assertStringIncludes(message, `Cannot call ${method}(): browsers`);
    }
    assert(methods.length > 20 || runtime === "web", `${methods}`);
    loop.close();
  });
});
