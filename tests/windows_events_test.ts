/** The loops of Windows, under a platform that says it is Windows. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fakePlatform } from "../_platform/fake.ts";
import { platform as real } from "../_platform/mod.ts";
import type { Platform } from "../_platform/types.ts";
import {
  type Awaitable,
  BaseEventLoop,
  BaseProactorEventLoop,
  BaseSelectorEventLoop,
  Event,
  type ExceptionContext,
  getChildWatcher,
  getEventLoopPolicy,
  NotImplementedError,
  OSError,
  Protocol,
  RuntimeError,
  setEventLoopPolicy,
  sleep,
  Socket,
  TimeoutError,
  type Transport,
  wait,
  waitFor,
} from "../mod.ts";
import * as mod from "../mod.ts";
import {
  DefaultEventLoopPolicy,
  EventLoop,
  IocpProactor,
  PipeServer,
  ProactorEventLoop,
  SelectorEventLoop,
  WindowsProactorEventLoopPolicy,
  WindowsSelectorEventLoopPolicy,
} from "../windows_events.ts";
import { type PipeHandle, Popen } from "../windows_utils.ts";
import { describe, it } from "./_harness.ts";

const PIPE_NAME = "\\\\.\\pipe\\asyncio-test";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The runtime's platform, but for the name of its system. */
const windows = (): Platform => {
  const fake = fakePlatform({ os: "win32" });
  return { ...fake, clock: real.clock };
};

/** Runs something in a proactor's loop, and closes that. */
async function inProactor(
  main: (loop: ProactorEventLoop) => Promise<void>,
  platform: Platform = windows(),
): Promise<ExceptionContext[]> {
  const loop = new ProactorEventLoop(null, { platform });
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context));
  try {
    await loop.runUntilComplete(waitFor(() => main(loop), 4));
  } finally {
    loop.close();
  }
  return reports;
}

/** Notes all that a protocol is told. */
class Noting extends Protocol {
  transport: Transport | null = null;
  readonly log: string[] = [];
  readonly changed = new Event();

  override connectionMade(transport: Transport): void {
    this.transport = transport;
    this.note("made");
  }
  override dataReceived(data: Uint8Array): void {
    this.note(text(data));
  }
  override eofReceived(): void {
    this.note("eof");
  }
  override connectionLost(error: Error | null): void {
    this.note(error === null ? "lost" : `lost: ${error.message}`);
  }
  note(entry: string): void {
    this.log.push(entry);
    this.changed.set();
  }
  async until(entry: string): Promise<void> {
    while (!this.log.includes(entry)) {
      this.changed.clear();
      await this.changed.wait();
    }
  }
}

class Echo extends Noting {
  override dataReceived(data: Uint8Array): void {
    this.transport!.write(data.slice());
  }
}

describe("the loops of Windows", () => {
  it("are of their classes", () => {
    const platform = windows();
    const selector = new SelectorEventLoop({ platform });
    const proactor = new EventLoop(null, { platform });
    assertInstanceOf(selector, BaseSelectorEventLoop);
    assertInstanceOf(proactor, ProactorEventLoop);
    assertInstanceOf(proactor, BaseProactorEventLoop);
    assertEquals(
      `${proactor}`,
      "<ProactorEventLoop running=false closed=false debug=false>",
    );
    selector.close();
    proactor.close();
  });

  it("are refused on another system", () => {
    const platform = fakePlatform({ os: "linux" });
    assertThrows(
      () => new ProactorEventLoop(null, { platform }),
      NotImplementedError,
      "Cannot make a ProactorEventLoop: it is a loop of Windows, and this is " +
        "linux",
    );
    assertThrows(
      () => new SelectorEventLoop({ platform }),
      NotImplementedError,
    );
  });

  it("come from the policies", () => {
    const platform = windows();
    const loops = [
      new WindowsSelectorEventLoopPolicy({ platform }).newEventLoop(),
      new WindowsProactorEventLoopPolicy({ platform }).newEventLoop(),
      new DefaultEventLoopPolicy({ platform }).newEventLoop(),
    ];
    assertInstanceOf(loops[0], SelectorEventLoop);
    assertInstanceOf(loops[1], ProactorEventLoop);
    assertInstanceOf(loops[2], ProactorEventLoop);
    for (const loop of loops) loop.close();
  });

  it("have policies without watchers of children", () => {
    const before = getEventLoopPolicy();
    setEventLoopPolicy(new WindowsProactorEventLoopPolicy());
    try {
      assertThrows(() => getChildWatcher(), NotImplementedError);
    } finally {
      setEventLoopPolicy(before);
    }
  });

  it("are not those that this system's names stand for", {
    skip: real.os.name === "win32",
    on: ["deno", "bun", "node"],
  }, () => {
    const loop = new mod.EventLoop();
    assertInstanceOf(loop, BaseEventLoop);
    assert(!(loop instanceof ProactorEventLoop));
    assert(mod.SelectorEventLoop !== SelectorEventLoop as unknown);
    assert(mod.DefaultEventLoopPolicy !== DefaultEventLoopPolicy as unknown);
    loop.close();
  });

  for (
    const [name, make] of [
      [
        "SelectorEventLoop",
        () => new SelectorEventLoop({ platform: windows() }),
      ],
      [
        "ProactorEventLoop",
        () => new ProactorEventLoop(null, { platform: windows() }),
      ],
    ] as const
  ) {
    it(`have no signal handlers: ${name}`, () => {
      const loop = make();
      for (const sig of ["SIGTERM", "SIGINT", "SIGUSR1", 15]) {
        for (
          const call of [
            () => loop.addSignalHandler(sig, () => {}),
            () => loop.removeSignalHandler(sig),
          ]
        ) {
          assertThrows(
            call,
            NotImplementedError,
            `Cannot handle ${sig}: event loops have no signal handlers on ` +
              "Windows, whose signals are SIGINT, SIGILL, SIGFPE, SIGSEGV, " +
              "SIGTERM, SIGBREAK, SIGABRT",
          );
        }
      }
      loop.close();
    });

    it(`have no Unix sockets: ${name}`, () => {
      const loop = make();
      const wanted =
        "Cannot use a Unix socket: event loops have none on Windows";
      assertThrows(
        () => loop.createUnixConnection(() => new Protocol(), "/tmp/none"),
        NotImplementedError,
        wanted,
      );
      assertThrows(
        () => loop.createUnixServer(() => new Protocol(), "/tmp/none"),
        NotImplementedError,
        wanted,
      );
      loop.close();
    });

    it(`connect over TCP: ${name}`, async () => {
      const loop = make();
      await loop.runUntilComplete(async () => {
        const server = await loop.createServer(
          () => new Echo(),
          "127.0.0.1",
          5000,
        );
        const [transport, protocol] = await loop.createConnection(
          () => new Noting(),
          "127.0.0.1",
          5000,
        );
        transport.write(bytes("hello"));
        await protocol.until("hello");
        transport.close();
        await protocol.until("lost");
        server.close();
        await server.waitClosed();
      });
      loop.close();
    });
  }

  it("have no pipes and children: SelectorEventLoop", () => {
    const loop = new SelectorEventLoop({ platform: windows() });
    const calls: (() => unknown)[] = [
      () => loop.connectReadPipe(() => new Protocol(), 0),
      () => loop.connectWritePipe(() => new Protocol(), 1),
      () => loop.subprocessShell(() => new mod.SubprocessProtocol(), "dir"),
      () => loop.subprocessExec(() => new mod.SubprocessProtocol(), "a.exe"),
    ];
    for (const call of calls) {
      assertThrows(call, NotImplementedError, "the ProactorEventLoop can");
    }
    loop.close();
  });

  it("have no readers: ProactorEventLoop", () => {
    const loop = new ProactorEventLoop(null, { platform: windows() });
    const socket = new Socket();
    assertThrows(
      () => loop.addReader(socket, () => {}),
      NotImplementedError,
      "ProactorEventLoop does not watch sockets",
    );
    assertThrows(() => loop.removeWriter(socket), NotImplementedError);
    socket.close();
    loop.close();
  });
});

describe("named pipes", () => {
  it("connect a client and a server", async () => {
    const reports = await inProactor(async (loop) => {
      const [server] = await loop.startServingPipe(() => new Echo(), PIPE_NAME);
      assertInstanceOf(server, PipeServer);
      assert(!server.closed());
      const clients = [];
      for (const word of ["one", "two", "three"]) {
        const [transport, protocol] = await loop.createPipeConnection(
          () => new Noting(),
          PIPE_NAME,
        );
        assertEquals(transport.getExtraInfo("addr"), PIPE_NAME);
        transport.write(bytes(word));
        clients.push({ word, transport, protocol });
      }
      for (const { word, protocol } of clients) await protocol.until(word);
      server.close();
      server.close();
      assert(server.closed());
      // The connected ones live on.
      clients[0]!.transport.write(bytes("still"));
      await clients[0]!.protocol.until("still");
      for (const { transport, protocol } of clients) {
        transport.close();
        await protocol.until("lost");
      }
      await assertRejects(
        () => loop.createPipeConnection(() => new Noting(), PIPE_NAME) as never,
        OSError,
      );
    });
    assertEquals(reports, []);
  });

  it("are told of a name that is taken", async () => {
    await inProactor(async (loop) => {
      const [server] = await loop.startServingPipe(() => new Echo(), PIPE_NAME);
      await assertRejects(
        async () => await loop.startServingPipe(() => new Echo(), PIPE_NAME),
        OSError,
      );
      server.close();
    });
  });

  it("go on after a protocol factory that fails", async () => {
    let made = 0;
    const reports = await inProactor(async (loop) => {
      const [server] = await loop.startServingPipe(() => {
        if (++made === 1) throw new RangeError("in the factory");
        return new Echo();
      }, PIPE_NAME);
      const [, first] = await loop.createPipeConnection(
        () => new Noting(),
        PIPE_NAME,
      );
      await first.until("eof");
      const [transport, second] = await loop.createPipeConnection(
        () => new Noting(),
        PIPE_NAME,
      );
      transport.write(bytes("works"));
      await second.until("works");
      transport.close();
      await second.until("lost");
      server.close();
    });
    assertEquals(
      reports.map(({ message, exception }) => [
        message,
        (exception as Error).message,
      ]),
      [["Pipe accept failed", "in the factory"]],
    );
  });

  it("are tried again while they are busy", async () => {
    const platform = windows();
    let tries = 0;
    const busy: Platform = {
      ...platform,
      sockets: {
        ...platform.sockets,
        connect(to, signal) {
          if (++tries < 4) {
            return Promise.reject(OSError.from("EBUSY", "all are taken"));
          }
          return platform.sockets.connect(to, signal);
        },
      },
    };
    await inProactor(async (loop) => {
      const [server] = await loop.startServingPipe(() => new Echo(), PIPE_NAME);
      const began = loop.time();
      const handle = await loop._proactor.connectPipe(PIPE_NAME);
      assertEquals(tries, 4);
      assert(loop.time() - began >= 0.013);
      handle.close();
      server.close();
    }, busy);
  });
});

describe("IocpProactor", () => {
  it("gives futures of what sockets do", async () => {
    await inProactor(async (loop) => {
      const proactor = loop._proactor;
      const listener = new Socket("inet");
      await listener.bind(["127.0.0.1", 5001]);
      await listener._listen(loop._platform);
      const accepting = proactor.accept(listener);
      assertEquals(`${proactor}`, "<IocpProactor overlapped#=1 result#=0>");
      const client = new Socket("inet");
      assert(await proactor.connect(client, ["127.0.0.1", 5001]) === client);
      const [peer] = await accepting;
      assertEquals(`${proactor}`, "<IocpProactor overlapped#=0 result#=0>");

      assertEquals(await proactor.send(client, bytes("hello")), 5);
      assertEquals(text(await proactor.recv(peer, 3)), "hel");
      const buffer = new Uint8Array(10);
      assertEquals(await proactor.recvInto(peer, buffer), 2);
      assertEquals(text(buffer.subarray(0, 2)), "lo");
      assertEquals(await proactor.sendTo(peer, bytes("back")), 4);
      assertEquals(text(await proactor.recv(client, 100)), "back");

      const waiting = proactor.recv(peer, 1);
      waiting.cancel();
      await wait([waiting]);
      assert(waiting.cancelled());

      client.close();
      assertEquals(await proactor.recv(peer, 1), new Uint8Array(0));
      peer.close();
      listener.close();
    });
  });

  it("cancels what is under way when its loop is closed", async () => {
    const loop = new ProactorEventLoop(null, { platform: windows() });
    const proactor = loop._proactor;
    const listener = new Socket("unix");
    let accepting: Awaitable<unknown> | undefined;
    await loop.runUntilComplete(async () => {
      await listener.bind(PIPE_NAME);
      await listener._listen(loop._platform);
      accepting = proactor.accept(listener);
      await sleep(0);
    });
    loop.close();
    listener.close();
    assertEquals(
      `${proactor}`,
      "<IocpProactor overlapped#=0 result#=0 closed>",
    );
    assert(accepting !== undefined);
    assertThrows(
      () => proactor.recv(listener, 1),
      RuntimeError,
      "IocpProactor is closed",
    );
  });

  it("needs a loop", () => {
    const proactor = new IocpProactor();
    assertThrows(
      () => proactor.connectPipe(PIPE_NAME),
      RuntimeError,
      "IocpProactor has no loop",
    );
    const platform = windows();
    const loop = new ProactorEventLoop(proactor, { platform });
    assert(loop._proactor === proactor);
    loop.close();
  });

  it("has no select()", () => {
    assertThrows(
      () => new IocpProactor().select(1),
      NotImplementedError,
      "await the futures",
    );
  });

  it("waits for a child, or for so long", { timeout: 10_000 }, async () => {
    const { os, ...rest } = windows();
    const platform = { ...rest, os };
    await inProactor(async (loop) => {
      const proactor = loop._proactor;
      const quick = new Popen(["sh", "-c", "exit 3"]);
      assertEquals(await proactor.waitForHandle(quick), true);
      assertEquals(quick.poll(), 3);
      assertEquals(await proactor.waitForHandle(quick, 1), true);
      const slow = new Popen(["sleep", "30"]);
      assertEquals(await proactor.waitForHandle(slow, 0.02), false);
      const waiting = proactor.waitForHandle(slow);
      await assertRejects(
        async () => await waitFor(waiting, 0.01),
        TimeoutError,
      );
      slow.terminate();
      assertEquals(await slow.wait(), -15);
    }, platform);
  });

  it("accepts pipes and talks over their handles", async () => {
    await inProactor(async (loop) => {
      const proactor = loop._proactor;
      const server = new PipeServer(PIPE_NAME);
      assertThrows(
        () => proactor.acceptPipe(server),
        RuntimeError,
        "the server is not open",
      );
      const opening = server._open(loop);
      await loop.createTask(opening);
      const accepting = proactor.acceptPipe(server);
      const near: PipeHandle<Socket> = await proactor.connectPipe(PIPE_NAME);
      const far = await accepting;
      await proactor.send(near, bytes("over"));
      assertEquals(text(await proactor.recv(far, 10)), "over");
      near.close();
      far.close();
      assertThrows(
        () => proactor.recv(far, 1),
        RangeError,
        "I/O operation on closed pipe",
      );
      const late = proactor.acceptPipe(server);
      server.close();
      await wait([late]);
      assert(late.cancelled());
      assertThrows(
        () => proactor.acceptPipe(server),
        RuntimeError,
        "the server is closed",
      );
    });
  });

  it("leaves a child's pipe to the loop", async () => {
    await inProactor(async (loop) => {
      const child = new Popen(["true"], null, -1);
      const handle = child.stdout as unknown as PipeHandle<Socket>;
      const error = assertThrows(
        () => loop._proactor.recv(handle, 1),
        NotImplementedError,
      );
      assertStringIncludes((error as Error).message, "connectReadPipe()");
      child.stdout!.close();
      await child.wait();
    });
  });
});
