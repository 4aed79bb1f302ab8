/** Streams that nobody holds any more and nobody closed. */
import { assert, assertEquals } from "@std/assert";
import {
  getRunningLoop,
  logger,
  type LogRecord,
  Protocol,
  sleep,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
} from "../mod.ts";
import { collector } from "./_collector.ts";
import { describe, it } from "./_harness.ts";
import { withRealLoop } from "./_loops.ts";
import { memoryPair, type MemoryTransport } from "./_memory_transport.ts";
import { encode } from "./_streams.ts";

const gc = await collector().catch(() => null);

/** Runs the collector until something is so, for a bounded time. */
async function collect(
  enough: () => boolean,
  rounds = 60,
): Promise<boolean> {
  for (let round = 0; round < rounds && !enough(); round++) {
    gc?.();
    await sleep(0.003);
  }
  return enough();
}

/** Connects streams that only what `keep` takes holds afterwards. */
function open(
  keep: (reader: StreamReader, writer: StreamWriter) => void,
): [MemoryTransport, MemoryTransport] {
  const loop = getRunningLoop();
  const reader = new StreamReader();
  const protocol = new StreamReaderProtocol(reader);
  const pair = memoryPair(loop, protocol, new Protocol());
  keep(reader, new StreamWriter(pair[0], protocol, reader, loop));
  return pair;
}

/** Whether a collector runs when it is asked to. */
async function works(): Promise<boolean> {
  let collected = 0;
  const registry = new FinalizationRegistry<null>(() => void collected++);
  (() => {
    for (let i = 0; i < 20; i++) registry.register({ i }, null);
  })();
  for (let round = 0; round < 60 && collected <= 10; round++) {
    gc?.();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return collected > 10;
}

const skip = gc !== null && await works()
  ? false
  : "the collector cannot be made to run";

describe("a forgotten stream", () => {
  it("is closed, with a warning", { skip }, () =>
    withRealLoop(async () => {
      const logged: LogRecord[] = [];
      logger.setHandler((record) => void logged.push(record));
      try {
        const opened: [MemoryTransport, MemoryTransport][] = [];
        for (let i = 0; i < 20; i++) opened.push(open(() => {}));
        const closed = () =>
          opened.filter(([transport]) => transport.isClosing()).length;
        assert(await collect(() => closed() > 5), `${closed()} were closed`);
        const [record] = logged;
        assertEquals(record!.category, "ResourceWarning");
        assertEquals(
          record!.message,
          "unclosed <StreamWriter transport=<MemoryTransport client>>",
        );
        for (const [transport] of opened) transport.close();
      } finally {
        logger.setHandler(null);
      }
    }, 5000));

  it(
    "is not one while its reader or its writer is held",
    { skip },
    () =>
      withRealLoop(async () => {
        const held: unknown[] = [];
        const readers = Array.from(
          { length: 10 },
          () => open((reader) => void held.push(reader)),
        );
        const writers = Array.from(
          { length: 10 },
          () => open((_, writer) => void held.push(writer)),
        );
        await collect(() => false, 10);
        for (const [transport] of [...readers, ...writers]) {
          assert(!transport.isClosing());
        }
        // What comes meanwhile is there for the reader.
        readers[0]![1].write(encode("hello"));
        await sleep(0.01);
        assertEquals((await (held[0] as StreamReader).read(10)).length, 5);
        for (const [transport] of [...readers, ...writers]) transport.close();
        assertEquals(held.length, 20);
      }, 5000),
  );

  it(
    "is not one while somebody waits to read",
    { skip },
    () =>
      withRealLoop(async () => {
        let got = 0;
        const opened: [MemoryTransport, MemoryTransport][] = [];
        for (let i = 0; i < 10; i++) {
          opened.push(open((reader) => {
            getRunningLoop().createTask(async () => {
              const data = await reader.read(10);
              got += data.length;
            });
          }));
        }
        await collect(() => false, 10);
        for (const [, peer] of opened) peer.write(encode("hi"));
        await sleep(0.01);
        assertEquals(got, 20);
        for (const [transport] of opened) transport.close();
      }, 5000),
  );
});
