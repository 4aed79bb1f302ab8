/** Pipes of a loop: files, FIFOs, descriptors, Web Streams, and the standard ones. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { spawn } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  BrokenPipeError,
  CancelledError,
  type Coroutine,
  createSubprocessExec,
  createTask,
  FileNotFoundError,
  getRunningLoop,
  NotImplementedError,
  openPipes,
  OSError,
  PIPE,
  type PipeSource,
  sleep,
  StreamReader,
  StreamReaderProtocol,
  TimeoutError,
  type Transport,
  waitFor,
} from "../mod.ts";
import { commandLine } from "./_child.ts";
import { fifos } from "./_fifos.ts";
import { describe, it } from "./_harness.ts";
import { bytes, inLoop, text, thrown } from "./_processes.ts";
import { assertSame, pattern, Recorder } from "./_transport_scene.ts";

async function until(what: string, check: () => boolean): Promise<void> {
  const end = performance.now() + 3000;
  while (!check()) {
    assert(performance.now() < end, `waited in vain for ${what}`);
    await sleep(0.002);
  }
}

describe("connectReadPipe", () => {
  it(
    "made, data, eof, lost, of a file",
    inLoop(async () => {
      using made = fifos(0);
      const path = join(made.folder, "file");
      const content = pattern(300_000);
      writeFileSync(path, content);
      for (const pipe of [path, pathToFileURL(path), openSync(path, "r")]) {
        const [transport, recorder] = await getRunningLoop().connectReadPipe(
          () => new Recorder(),
          pipe,
        );
        assertStrictEquals(recorder.madeWith, transport);
        assertStrictEquals(transport.getExtraInfo("pipe"), pipe);
        await until("the end", () => recorder.lost);
        assertEquals(recorder.calls, ["made", "data", "eof", "lost"]);
        assertSame(recorder.bytes(), content);
        assertStrictEquals(recorder.lostWith, null);
      }
    }),
  );

  it(
    "of a FIFO waits for a writer, and ends with it",
    inLoop(async () => {
      using made = fifos(1);
      const [path] = made.paths as [string];
      const child = spawn("sh", ["-c", 'sleep 0.05; echo one > "$0"', path]);
      const over = new Promise((resolve) => child.on("close", resolve));
      const [, recorder] = await getRunningLoop().connectReadPipe(
        () => new Recorder(),
        path,
      );
      await until("the end", () => recorder.lost);
      assertEquals(recorder.calls, ["made", "data", "eof", "lost"]);
      assertEquals(text(recorder.bytes()), "one\n");
      await over;
    }),
  );

  it(
    "of a Web Stream",
    inLoop(async () => {
      const [, recorder] = await getRunningLoop().connectReadPipe(
        () => new Recorder(),
        new Blob(["web"]).stream(),
      );
      await until("the end", () => recorder.lost);
      assertEquals(text(recorder.bytes()), "web");
    }),
  );

  it(
    "feeds a StreamReader",
    inLoop(async () => {
      const reader = new StreamReader();
      await getRunningLoop().connectReadPipe(
        () => new StreamReaderProtocol(reader),
        new Blob(["a\nb\n"]).stream(),
      );
      assertEquals(text(await reader.readLine()), "a\n");
      assertEquals(text(await reader.read()), "b\n");
    }),
  );

  it(
    "that is only read cannot be written",
    inLoop(async () => {
      const [transport, recorder] = await getRunningLoop().connectReadPipe(
        () => new Recorder(),
        new Blob(["x"]).stream(),
      );
      const written = transport as Transport;
      for (
        const call of [
          () => written.write(bytes("x")),
          () => written.writeEof(),
        ]
      ) assert(await thrown(call) instanceof NotImplementedError);
      assert(!written.canWriteEof());
      await until("the end", () => recorder.lost);
    }),
  );

  it(
    "an error of the stream is told",
    inLoop(async () => {
      const loop = getRunningLoop();
      const reports: unknown[] = [];
      loop.setExceptionHandler((_, { message }) => void reports.push(message));
      const failing = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.error(new Error("broken")),
      });
      const [, recorder] = await loop.connectReadPipe(
        () => new Recorder(),
        failing,
      );
      await until("the end", () => recorder.lost);
      assert(recorder.lostWith instanceof OSError);
      assertEquals(reports, ["Fatal read error on pipe transport"]);
    }),
  );
});

describe("connectWritePipe", () => {
  it(
    "writes a file, which close ends",
    inLoop(async () => {
      using made = fifos(0);
      const path = join(made.folder, "file");
      const content = pattern(700_000);
      const [transport, recorder] = await getRunningLoop().connectWritePipe(
        () => new Recorder(),
        path,
      );
      transport.write(content.subarray(0, 5));
      transport.write(content.subarray(5));
      transport.close();
      transport.write(bytes("lost"));
      assert(transport.isClosing());
      await until("the end", () => recorder.lost);
      assertStrictEquals(recorder.lostWith, null);
      assertSame(new Uint8Array(readFileSync(path)), content);
    }),
  );

  it(
    "writeEof is close",
    inLoop(async () => {
      using made = fifos(0);
      const path = join(made.folder, "file");
      const [transport, recorder] = await getRunningLoop().connectWritePipe(
        () => new Recorder(),
        path,
      );
      assert(transport.canWriteEof());
      transport.write(bytes("x"));
      transport.writeEof();
      assert(transport.isClosing());
      await until("the end", () => recorder.lost);
      assertEquals(readFileSync(path, "utf8"), "x");
    }),
  );

  it(
    "above the high mark it pauses, and resumes at the low one",
    inLoop(async () => {
      using made = fifos(1);
      const [path] = made.paths as [string];
      const loop = getRunningLoop();
      const [reading, writing] = await Promise.all([
        loop.connectReadPipe(() => new Recorder(), path),
        loop.connectWritePipe(() => new Recorder(), path),
      ]);
      const [input, down] = reading;
      const [output, up] = writing;
      input.pauseReading();
      const sizes: number[] = [];
      up.onPause = () => void sizes.push(output.getWriteBufferSize());
      up.onResume = () => void sizes.push(output.getWriteBufferSize());
      output.write(pattern(2_000_000));
      assertEquals(up.calls, ["made", "pause"]);
      await sleep(0.05);
      assertEquals(up.calls, ["made", "pause"]);
      assertEquals(down.received, 0);
      input.resumeReading();
      await until("all of it", () => down.received === 2_000_000);
      await until("the resume", () => up.calls.includes("resume"));
      assert(sizes[0]! > 65536 && sizes[1]! <= 16384, `${sizes}`);
      output.close();
      await until("both ends", () => up.lost && down.lost);
    }),
  );

  it(
    "a reader that has gone breaks it",
    inLoop(async () => {
      using made = fifos(1);
      const [path] = made.paths as [string];
      const child = spawn("sh", ["-c", 'head -c 1 "$0"', path], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      const over = new Promise((resolve) => child.on("close", resolve));
      const [transport, recorder] = await getRunningLoop().connectWritePipe(
        () => new Recorder(),
        path,
      );
      await until("the end", () => {
        if (!transport.isClosing()) transport.write(bytes("x"));
        return recorder.lost;
      });
      assert(recorder.lostWith instanceof BrokenPipeError);
      await over;
    }),
  );
});

describe("what is no pipe", () => {
  it(
    "a path that is not there",
    inLoop(async () => {
      const error = await thrown(() =>
        getRunningLoop().connectReadPipe(() => new Recorder(), "/no/such")
      );
      assert(error instanceof FileNotFoundError, String(error));
    }),
  );

  it(
    "a descriptor that is not open",
    inLoop(async () => {
      const error = await thrown(() =>
        getRunningLoop().connectWritePipe(() => new Recorder(), 999)
      );
      assert(error instanceof OSError, String(error));
      assertEquals(error["code"], "EBADF");
    }),
  );

  it(
    "anything else",
    inLoop(async () => {
      for (const wrong of [null, undefined, {}, true, new Uint8Array(1)]) {
        const error = await thrown(() =>
          getRunningLoop().connectReadPipe(
            () => new Recorder(),
            wrong as unknown as PipeSource,
          )
        );
        assert(error instanceof TypeError, String(error));
      }
      for (const wrong of [-1, 1.5, NaN]) {
        const error = await thrown(() =>
          getRunningLoop().connectReadPipe(() => new Recorder(), wrong)
        );
        assert(error instanceof RangeError, String(error));
      }
    }),
  );

  it(
    "a FIFO that nobody opens can be given up",
    inLoop(async () => {
      using made = fifos(2);
      const [read, write] = made.paths as [string, string];
      const loop = getRunningLoop();
      for (
        const call of [
          () => loop.connectReadPipe(() => new Recorder(), read),
          () => loop.connectWritePipe(() => new Recorder(), write),
          () => openPipes(read, write),
        ]
      ) {
        const error = await thrown(() => waitFor(call(), 0.03));
        assert(error instanceof TimeoutError, String(error));
      }
      await sleep(0.05);
    }),
  );

  it(
    "giving a FIFO up lets nobody else through",
    inLoop(async () => {
      using made = fifos(2);
      const [read, write] = made.paths as [string, string];
      const loop = getRunningLoop();
      for (
        const call of [
          () => loop.connectReadPipe(() => new Recorder(), read),
          () => loop.connectWritePipe(() => new Recorder(), write),
        ]
      ) {
        const waiting = createTask(call() as Coroutine<unknown>);
        for (let i = 0; i < 5; i++) {
          await thrown(() => waitFor(call(), 0.01));
        }
        await sleep(0.06);
        assert(!waiting.done());
        waiting.cancel();
        assert(await thrown(() => waiting) instanceof CancelledError);
      }
    }),
  );

  it(
    "a writer that is gone at once has been read",
    inLoop(async () => {
      // Each has one of its own: what is written while the last reader is still
      // about to close is lost with it.
      using made = fifos(3);
      for (const [i, path] of made.paths.entries()) {
        const words = `words ${i}\n`;
        const child = spawn("sh", ["-c", 'printf "$1" > "$0"', path, words]);
        const over = new Promise((resolve) => child.on("close", resolve));
        const [reader, writer] = await openPipes(path, "/dev/null");
        assertEquals(text(await reader.read()), words);
        writer.close();
        await writer.waitClosed();
        await over;
      }
    }),
  );
});

describe("openPipes", () => {
  it(
    "a reader and a writer as one connection",
    inLoop(async () => {
      using made = fifos(0);
      const [from, to] = [join(made.folder, "a"), join(made.folder, "b")];
      const content = pattern(200_000);
      writeFileSync(from, content);
      const [reader, writer] = await openPipes(from, to);
      writer.write(await reader.read());
      writer.close();
      await writer.waitClosed();
      assertSame(new Uint8Array(readFileSync(to)), content);
    }),
  );

  it(
    "through another process, by two FIFOs",
    inLoop(async () => {
      using made = fifos(2);
      const [there, back] = made.paths as [string, string];
      const child = spawn("sh", ["-c", 'cat < "$0" > "$1"', there, back]);
      const over = new Promise((resolve) => child.on("close", resolve));
      const [reader, writer] = await openPipes(back, there);
      writer.write(bytes("there and back\n"));
      assertEquals(text(await reader.readLine()), "there and back\n");
      writer.writeEof();
      assertEquals((await reader.read()).length, 0);
      writer.close();
      await writer.waitClosed();
      await over;
    }),
  );

  it(
    "is a pair of Web Streams, too",
    inLoop(async () => {
      const got: Uint8Array[] = [];
      const pair = await openPipes(
        new Blob(["from web"]).stream(),
        new WritableStream({ write: (chunk) => void got.push(chunk) }),
      );
      await pair.readable.pipeTo(pair.writable);
      await until("the text", () => got.length > 0);
      assertEquals(got.map(text).join(""), "from web");
      await sleep(0.01);
    }),
  );

  it(
    "leaves nothing open where one of the two fails",
    inLoop(async () => {
      using made = fifos(1);
      const error = await thrown(() => openPipes("/no/such", made.paths[0]!));
      assert(error instanceof FileNotFoundError, String(error));
      // A thread of the runtime is still about to open the other one.
      await sleep(0.5);
    }),
  );
});

describe("passed descriptors", () => {
  it(
    "a pipe that a child was given",
    inLoop(async () => {
      using made = fifos(1);
      const [path] = made.paths as [string];
      const fd = openSync(path, constants.O_RDWR);
      const proc = await createSubprocessExec(
        "sh",
        "-c",
        `echo through > /proc/self/fd/${fd}`,
        { passFds: [fd] },
      );
      assertEquals(await proc.wait(), 0);
      const [, recorder] = await getRunningLoop().connectReadPipe(
        () => new Recorder(),
        path,
      );
      await until("the text", () => recorder.received === 8);
      closeSync(fd);
      await until("the end", () => recorder.lost);
    }),
  );
});

describe("openStdio", () => {
  const program = (what: string) =>
    commandLine("stdio.ts", [what], { allowAll: true });

  async function start(what: string) {
    const [file, ...args] = program(what);
    return await createSubprocessExec(file!, ...args, {
      stdin: PIPE,
      stdout: PIPE,
      stderr: PIPE,
    });
  }

  it(
    "reads lines, writes lines, sees the end",
    { timeout: 15_000 },
    inLoop(async () => {
      await using proc = await start("upper");
      proc.stdin!.write(bytes("one\n"));
      assertEquals(text(await proc.stdout!.readLine()), "ONE\n");
      const [out, errors] = await proc.communicate(bytes("two\n"));
      assertEquals([text(out), text(errors)], ["TWO\neof\n", ""]);
      assertEquals(proc.returncode, 0);
    }),
  );

  it(
    "ends although the input stays open",
    { timeout: 15_000 },
    inLoop(async () => {
      await using proc = await start("once");
      proc.stdin!.write(bytes("line\n"));
      assertEquals(text(await proc.stdout!.readLine()), "got line\n");
      assertEquals(await waitFor(proc.wait(), 8), 0);
    }),
  );

  it(
    "writes all before it ends",
    { timeout: 15_000 },
    inLoop(async () => {
      await using proc = await start("flood");
      const [out] = await proc.communicate();
      assertEquals(out!.length, 6_400_000);
      assertEquals(proc.returncode, 0);
    }),
  );

  it(
    "an output that nobody reads is a BrokenPipeError",
    {
      timeout: 15_000,
    },
    inLoop(async () => {
      await using proc = await start("refuse");
      await proc.stdout!.readExactly(1000);
      proc.stdout!._transport!.close();
      const errors = text(await proc.stderr!.read());
      assert(
        errors === "BrokenPipeError\n" || errors === "ConnectionResetError\n",
        errors!,
      );
      assertEquals(await proc.wait(), 0);
    }),
  );

  it(
    "from and to files",
    { timeout: 15_000 },
    inLoop(async () => {
      using made = fifos(0);
      const [from, to] = [join(made.folder, "in"), join(made.folder, "out")];
      writeFileSync(from, "a\nb\n");
      const [input, output] = [openSync(from, "r"), openSync(to, "w")];
      const [file, ...args] = program("upper");
      const proc = await createSubprocessExec(file!, ...args, {
        stdin: input,
        stdout: output,
      });
      const status = await proc.wait();
      closeSync(input);
      closeSync(output);
      assertEquals([status, readFileSync(to, "utf8")], [0, "A\nB\neof\n"]);
    }),
  );
});
