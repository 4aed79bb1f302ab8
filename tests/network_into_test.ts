/** Reads into the caller's buffer, over the loopback interface. */

import { assertEquals } from "@std/assert";
import {
  createTask,
  openConnection,
  type Server,
  sleep,
  startServer,
  type StreamReader,
  type StreamWriter,
} from "../mod.ts";
import { describe } from "./_harness.ts";
import { online } from "./_network.ts";
import { caught } from "./_spell.ts";

describe("readInto of a connection", () => {
  online("no byte is lost where reads of all kinds take turns", function* () {
    const size = 3_000_000;
    const sent = new Uint8Array(size);
    for (let i = 0; i < size; i++) sent[i] = (i * 31) % 253;
    const server: Server = yield startServer(
      async (_: StreamReader, writer: StreamWriter) => {
        let at = 0;
        for (let step = 1; at < size; step = (step * 7) % 99_991) {
          writer.write(sent.subarray(at, at += step));
          if (step % 5 === 0) await sleep(0);
          await writer.drain();
        }
        writer.close();
      },
      "127.0.0.1",
      0,
    );
    const [host, port] = server.sockets[0]!.getSockName() as [string, number];
    const [reader, writer]: [StreamReader, StreamWriter] = yield openConnection(
      host,
      port,
    );
    const got = new Uint8Array(size);
    const buffer = new Uint8Array(70_000);
    let at = 0;
    for (let turn = 0; at < size; turn++) {
      if (turn % 7 === 6) {
        const data: Uint8Array = yield reader.read(1 + turn * 100);
        got.set(data, at);
        at += data.length;
        continue;
      }
      const part = buffer.subarray(0, 1 + (turn * 7919) % buffer.length);
      const read = createTask(reader.readInto(part));
      if (turn % 3 === 0) {
        yield sleep(0);
        if (read.cancel()) {
          yield* caught(read);
          if (read.cancelled()) continue;
        }
      }
      const count: number = yield read;
      got.set(part.subarray(0, count), at);
      at += count;
    }
    assertEquals(got.findIndex((byte, i) => byte !== sent[i]), -1);
    assertEquals(yield reader.readInto(buffer), 0);
    writer.close();
    yield writer.waitClosed();
    server.close();
    yield server.waitClosed();
  });
});
