/** The proactor loop: sockets, pipes and children as elsewhere, no watching. */

import { assert, assertEquals } from "@std/assert";
import {
  BaseProactorEventLoop,
  createSubprocessExec,
  getRunningLoop,
  NotImplementedError,
  openPipes,
  PIPE,
  run,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { bytes, text, thrown } from "./_processes.ts";

const options = { loopFactory: () => new BaseProactorEventLoop() };

describe("BaseProactorEventLoop", () => {
  it("starts children and connects pipes", () =>
    run(async () => {
      const proc = await createSubprocessExec("cat", {
        stdin: PIPE,
        stdout: PIPE,
      });
      assertEquals(text((await proc.communicate(bytes("x")))[0]), "x");
      const [reader, writer] = await openPipes(
        new Blob(["y"]).stream(),
        new WritableStream(),
      );
      assertEquals(text(await reader.read()), "y");
      writer.close();
      await writer.waitClosed();
    }, options));

  it("does not watch sockets", () =>
    run(async () => {
      const loop = getRunningLoop();
      const calls = [
        () => loop.addReader(null as never, () => {}),
        () => loop.addWriter(null as never, () => {}),
        () => loop.removeReader(null as never),
        () => loop.removeWriter(null as never),
      ];
      for (const call of calls) {
        assert(await thrown(call) instanceof NotImplementedError);
      }
    }, options));
});
