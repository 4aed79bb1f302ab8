/** Pipes, their handles and Popen, under a platform that says it is Windows. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fakePlatform } from "../_platform/fake.ts";
import { platform as real } from "../_platform/mod.ts";
import { withResolvers } from "../_platform/promises.ts";
import {
  FileNotFoundError,
  NotImplementedError,
  Protocol,
  RuntimeError,
  type Transport,
  waitFor,
} from "../mod.ts";
import { ProactorEventLoop } from "../windows_events.ts";
import {
  BUFSIZE,
  PIPE,
  pipe,
  PipeHandle,
  Popen,
  STDOUT,
} from "../windows_utils.ts";
import { collector } from "./_collector.ts";
import { describe, it } from "./_harness.ts";
import { capturedLog, withRealLoop } from "./_loops.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function inProactor(
  main: (loop: ProactorEventLoop) => Promise<void>,
): Promise<void> {
  const platform = {
    ...fakePlatform({ os: "win32" }),
    clock: real.clock,
  };
  const loop = new ProactorEventLoop(null, { platform });
  try {
    await loop.runUntilComplete(waitFor(() => main(loop), 4));
  } finally {
    loop.close();
  }
}

const gc = await collector();

/** Something to hold. */
class End {
  closed = 0;
  close(): void {
    this.closed++;
  }
}

/** Keeps what it is told until the end. */
class Collecting extends Protocol {
  transport!: Transport;
  text = "";
  readonly #done = withResolvers<void>();
  readonly ended = this.#done.promise;

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }
  override dataReceived(data: Uint8Array): void {
    this.text += text(data);
  }
  override connectionLost(): void {
    this.#done.resolve();
  }
}

describe("PipeHandle", () => {
  it("holds an end until it is closed, once", () => {
    const end = new End();
    const handle = new PipeHandle(end);
    assert(/^<PipeHandle handle=\d+>$/.test(`${handle}`), `${handle}`);
    assert(handle.handle === end && handle.fileno() === end);
    handle.close();
    handle.close();
    assertEquals([end.closed, handle.handle], [1, null]);
    assertEquals(`${handle}`, "<PipeHandle closed>");
    assertThrows(
      () => handle.fileno(),
      RangeError,
      "I/O operation on closed pipe",
    );
  });

  it("is closed at the end of a block", () => {
    const end = new End();
    {
      using handle = new PipeHandle(end);
      assert(handle.handle === end);
    }
    assertEquals(end.closed, 1);
  });

  it("may be closed by other means", () => {
    const end = new End();
    const closed: End[] = [];
    new PipeHandle(end).close({ closeHandle: (one) => void closed.push(one) });
    assertEquals([closed[0] === end, end.closed], [true, 0]);
  });

  it("is closed, with a warning, where it is forgotten", {
    timeout: 20_000,
  }, async () => {
    const end = new End();
    const log = await capturedLog(async () => {
      (() => void new PipeHandle(end))();
      for (let round = 0; round < 100 && end.closed === 0; round++) {
        gc();
        await new Promise((done) => setTimeout(done, 1));
      }
    });
    assertEquals(end.closed, 1);
    assert(log.some(({ text }) => text.startsWith("unclosed <PipeHandle")));
  });
});

describe("pipe", () => {
  it("goes from the second end to the first", async () => {
    await inProactor(async (loop) => {
      const [reading, writing] = await pipe();
      await loop._proactor.send(writing, bytes("one way"));
      assertEquals(text(await loop._proactor.recv(reading, 100)), "one way");
      // The other way there is nothing but the end.
      assertEquals((await loop._proactor.recv(writing, 1)).length, 0);
      reading.close();
      writing.close();
    });
  });

  it("goes both ways if asked", async () => {
    await inProactor(async (loop) => {
      const [one, two] = await pipe({
        duplex: true,
        overlapped: [true, true],
        bufsize: BUFSIZE,
      });
      await loop._proactor.send(one, bytes("there"));
      await loop._proactor.send(two, bytes("back"));
      assertEquals(text(await loop._proactor.recv(two, 100)), "there");
      assertEquals(text(await loop._proactor.recv(one, 100)), "back");
      one.close();
      two.close();
    });
  });

  it("is what connectReadPipe and connectWritePipe take", async () => {
    await inProactor(async (loop) => {
      const [reading, writing] = await pipe();
      const [, reader] = await loop.connectReadPipe(
        () => new Collecting(),
        reading,
      );
      const [transport] = await loop.connectWritePipe(
        () => new Protocol(),
        writing,
      );
      assertEquals(`${reading}${writing}`.match(/closed/g)?.length, 2);
      transport.write(bytes("through"));
      transport.close();
      await reader.ended;
      assertEquals(reader.text, "through");
      assertThrows(
        () => loop.connectReadPipe(() => new Protocol(), reading),
        RangeError,
        "I/O operation on closed pipe",
      );
    });
  });

  it("needs Windows, and a running loop", {
    skip: real.os.name === "win32",
  }, async () => {
    await assertRejects(
      () => withRealLoop(pipe()),
      NotImplementedError,
      "Cannot make a named pipe: only Windows has them",
    );
    await assertRejects(
      async () => await pipe(),
      RuntimeError,
      "no event loop is running",
    );
  });
});

describe("Popen", () => {
  it("has handles of its pipes, which the loop connects", {
    timeout: 10_000,
  }, async () => {
    await inProactor(async (loop) => {
      const child = new Popen(
        ["sh", "-c", "cat; echo wrong >&2"],
        PIPE,
        PIPE,
        PIPE,
      );
      assert(child.stdin instanceof PipeHandle);
      assertEquals([child.returncode, child.poll()], [null, null]);
      const [, out] = await loop.connectReadPipe(
        () => new Collecting(),
        child.stdout!,
      );
      const [, errors] = await loop.connectReadPipe(
        () => new Collecting(),
        child.stderr!,
      );
      const [input] = await loop.connectWritePipe(
        () => new Protocol(),
        child.stdin,
      );
      input.write(bytes("right"));
      input.close();
      assertEquals(await child.wait(), 0);
      await out.ended;
      await errors.ended;
      assertEquals([out.text, errors.text], ["right", "wrong\n"]);
      assertEquals(child.returncode, 0);
    });
  });

  it("may have one pipe for both outputs", { timeout: 10_000 }, async () => {
    await inProactor(async (loop) => {
      const child = new Popen(
        ["sh", "-c", "echo one; echo two >&2"],
        null,
        PIPE,
        STDOUT,
      );
      assertEquals([child.stdin, child.stderr], [null, null]);
      const [, out] = await loop.connectReadPipe(
        () => new Collecting(),
        child.stdout!,
      );
      await out.ended;
      assertEquals(out.text, "one\ntwo\n");
      assertEquals(await child.wait(), 0);
    });
  });

  it("is ended by SIGTERM, the one signal of Windows that does", {
    timeout: 10_000,
  }, async () => {
    await inProactor(async () => {
      for (const end of ["terminate", "kill"] as const) {
        const child = new Popen(["sleep", "30"]);
        for (const signal of ["SIGINT", "SIGKILL", 9, "SIGUSR1", "SIGBREAK"]) {
          assertThrows(
            () => child.sendSignal(signal),
            RangeError,
            `Unsupported signal: ${signal}`,
          );
        }
        child[end]();
        assertEquals(await child.wait(), -15);
        child.sendSignal("SIGINT");
        child[end]();
      }
    });
  });

  it("refuses text, buffers and what is not there", async () => {
    await inProactor(async () => {
      assertThrows(
        () => new Popen(["true"], null, null, null, { bufsize: 1 as 0 }),
        RangeError,
        "bufsize must be 0",
      );
      assertThrows(
        () =>
          new Popen(["true"], null, null, null, {
            universalNewlines: true as false,
          }),
        RangeError,
      );
      assertThrows(
        () => new Popen(["no-such-program-anywhere"]),
        FileNotFoundError,
      );
    });
  });

  it("can be waited for by several, and cancelled", {
    timeout: 10_000,
  }, async () => {
    await inProactor(async (loop) => {
      const child = new Popen(["sleep", "30"]);
      const first = loop.createTask(child.wait());
      const second = loop.createTask(child.wait());
      await assertRejects(async () => await waitFor(first, 0.01));
      child.terminate();
      assertEquals(await second, -15);
    });
  });
});
