/** Child processes: protocols that fail, and what the streams and the log show. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  BaseSubprocessTransport,
  createSubprocessExec,
  type ExceptionContext,
  getRunningLoop,
  NotImplementedError,
  PIPE,
  run,
  sleep,
  SubprocessProtocol,
  type SubprocessStreamProtocol,
  type SubprocessTransport,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { capturedLog } from "./_loops.ts";
import { bytes, inLoop, text } from "./_processes.ts";

describe("a protocol of a child that fails", () => {
  it(
    "at its data is reported, and hears of the rest",
    inLoop(async () => {
      const loop = getRunningLoop();
      const reports: ExceptionContext[] = [];
      loop.setExceptionHandler((_, context) => void reports.push(context));
      const log: string[] = [];
      const gone = loop.createFuture<void>();
      class Failing extends SubprocessProtocol {
        override pipeDataReceived(_fd: number, data: Uint8Array): void {
          log.push(text(data)!.trim());
          throw new RangeError(`failed at ${log.at(-1)}`);
        }
        override processExited(): void {
          log.push("exited");
        }
        override connectionLost(): void {
          gone.setResult();
        }
      }
      const [transport] = await loop.subprocessExec(
        () => new Failing(),
        "sh",
        "-c",
        "echo one; read _; echo two; read _",
        { stdin: PIPE, stdout: PIPE },
      ) as [SubprocessTransport, Failing];
      const input = transport.getPipeTransport(0) as unknown as {
        write(data: Uint8Array): void;
      };
      while (reports.length < 1) await sleep(0.001);
      input.write(bytes("\n"));
      while (reports.length < 2) await sleep(0.001);
      input.write(bytes("\n"));
      while (!log.includes("exited")) await sleep(0.001);
      transport.close();
      await gone;
      assertEquals(log, ["one", "two", "exited"]);
      assertEquals(
        reports.map(({ exception }) => (exception as Error).message),
        ["failed at one", "failed at two"],
      );
    }),
  );
});

describe("the streams of a child", () => {
  it(
    "are shown by their protocol",
    inLoop(async () => {
      const proc = await createSubprocessExec("cat", {
        stdin: PIPE,
        stdout: PIPE,
        stderr: PIPE,
      });
      const protocol = proc.stdin!.transport.getProtocol();
      assert(protocol !== null);
      const own = (proc.stdin as unknown as {
        _protocol: SubprocessStreamProtocol;
      })._protocol;
      assertMatch(
        `${own}`,
        /^<SubprocessStreamProtocol stdin=<StreamWriter.* stdout=<StreamReader.* stderr=<StreamReader.*>$/s,
      );
      proc.stdin!.close();
      await proc.wait();
    }),
  );

  it(
    "are named by the log in debug mode, with the process",
    async () => {
      const entries = await capturedLog(() =>
        run(async () => {
          const proc = await createSubprocessExec("cat", {
            stdin: PIPE,
            stdout: PIPE,
          });
          const [out] = await proc.communicate(bytes("12345"));
          assertEquals(text(out), "12345");
        }, { debug: true })
      );
      const said = entries.map(({ text }) => text).join("\n");
      assertMatch(said, /communicate: feed stdin \(5 bytes\)/);
      assertMatch(said, /exited with return code 0/);
    },
  );
});

describe("BaseSubprocessTransport", () => {
  it("starts nothing by itself", () =>
    run(async () => {
      const loop = getRunningLoop() as ConstructorParameters<
        typeof BaseSubprocessTransport
      >[0];
      const error = assertThrows(
        () =>
          new BaseSubprocessTransport(
            loop,
            new SubprocessProtocol(),
            ["true"],
            false,
            null,
            null,
            null,
            0,
          ),
        NotImplementedError,
      );
      assertEquals(
        error.message,
        "Cannot start a child process: BaseSubprocessTransport does not say how",
      );
    }));
});
