/** transports.ts, and the suite of transports on a pair in memory. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  _FlowControlMixin,
  BaseTransport,
  DatagramTransport,
  NotImplementedError,
  Protocol,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { memoryPair } from "./_memory_transport.ts";
import { transportSuite } from "./_transport_suite.ts";
import { virtualLoop } from "./_virtual.ts";

transportSuite("in memory", (loop, a, b) => {
  const [client, server] = memoryPair(loop, a, b);
  return { client, server };
}, { bound: 1024 * 1024 });

transportSuite("in memory, on a narrow wire", (loop, a, b) => {
  const [client, server] = memoryPair(loop, a, b, {
    capacity: 5000,
    maxSize: 777,
  });
  return { client, server };
}, { bound: 1024 * 1024 });

describe("transports", () => {
  it("what a class does not have is a NotImplementedError that names it", () => {
    class Own extends Transport {}
    const calls: [object, readonly string[]][] = [
      [new BaseTransport(), [
        "isClosing",
        "close",
        "setProtocol",
        "getProtocol",
      ]],
      [new ReadTransport(), ["isReading", "pauseReading", "resumeReading"]],
      [new WriteTransport(), [
        "setWriteBufferLimits",
        "getWriteBufferSize",
        "getWriteBufferLimits",
        "write",
        "writeEof",
        "canWriteEof",
        "abort",
      ]],
      [new Own(), [
        "isReading",
        "pauseReading",
        "resumeReading",
        "write",
        "close",
      ]],
      [new DatagramTransport(), ["sendTo", "abort"]],
      [new SubprocessTransport(), [
        "getPid",
        "getReturncode",
        "getPipeTransport",
        "sendSignal",
        "terminate",
        "kill",
      ]],
    ];
    for (const [transport, names] of calls) {
      for (const name of names) {
        assertThrows(
          () => (transport as Record<string, () => void>)[name]!(),
          NotImplementedError,
          `Cannot call ${name}(): ${transport.constructor.name} does not`,
        );
      }
    }
  });

  it("a Transport is a ReadTransport and a WriteTransport", () => {
    class Own extends Transport {}
    class Reads extends ReadTransport {}
    const own = new Own();
    assert(own instanceof ReadTransport);
    assert(own instanceof WriteTransport);
    assert(own instanceof BaseTransport);
    assert(!(own instanceof Reads));
    assert(new Reads() instanceof ReadTransport);
    assert(!(new Reads() instanceof Transport));
    assert(!(new WriteTransport() instanceof ReadTransport));
    assert(!((null as unknown) instanceof ReadTransport));
  });

  it("getExtraInfo gives what is known, else the default", () => {
    const transport = new BaseTransport({ peername: "x", gone: null });
    assertEquals(transport.getExtraInfo("peername"), "x");
    assertEquals(transport.getExtraInfo("gone", 1), null);
    assertEquals(transport.getExtraInfo("other"), null);
    assertEquals(transport.getExtraInfo("other", 1), 1);
    assertEquals(transport.getExtraInfo("toString"), null);
    assertEquals(new BaseTransport().getExtraInfo("peername"), null);
  });

  it("writeLines hands the joined pieces to write", () => {
    const written: Uint8Array[] = [];
    class Own extends WriteTransport {
      override write(data: Uint8Array): void {
        written.push(data);
      }
    }
    new Own().writeLines([new Uint8Array([1]), new Uint8Array([2, 3])]);
    assertEquals(written, [new Uint8Array([1, 2, 3])]);
  });
});

describe("flow control of transports", () => {
  class Own extends _FlowControlMixin {
    size = 0;
    override getWriteBufferSize(): number {
      return this.size;
    }
  }
  const make = () => {
    const v = virtualLoop();
    const transport = new Own(null, v.loop);
    const calls: string[] = [];
    transport._protocol = new class extends Protocol {
      override pauseWriting() {
        calls.push(`pause ${transport.size}`);
      }
      override resumeWriting() {
        calls.push(`resume ${transport.size}`);
      }
    }();
    return { ...v, transport, calls };
  };

  it("behaviour 72: set_write_buffer_limits(high=h) sets low = h // 4", () => {
    const { transport, loop } = make();
    assertEquals(transport.getWriteBufferLimits(), [16384, 65536]);
    for (const high of [0, 1, 3, 4, 7, 1000]) {
      transport.setWriteBufferLimits(high);
      assertEquals(transport.getWriteBufferLimits(), [
        Math.floor(high / 4),
        high,
      ]);
    }
    transport.setWriteBufferLimits(undefined, 10);
    assertEquals(transport.getWriteBufferLimits(), [10, 40]);
    assertThrows(
      () => transport.setWriteBufferLimits(1, 2),
      RangeError,
      "high (1) must be >= low (2) must be >= 0",
    );
    loop.close();
  });

  it("it pauses above the high mark and resumes at the low mark", () => {
    const { transport, calls, loop } = make();
    transport.setWriteBufferLimits(10, 2);
    for (const size of [10, 11, 20, 3, 2, 1, 11]) {
      transport.size = size;
      transport._maybePauseProtocol();
      transport._maybeResumeProtocol();
    }
    assertEquals(calls, ["pause 11", "resume 2", "pause 11"]);
    loop.close();
  });

  it("with marks of 0 any byte pauses and an empty buffer resumes", () => {
    const { transport, calls, loop } = make();
    transport.setWriteBufferLimits(0);
    for (const size of [0, 1, 0]) {
      transport.size = size;
      transport._maybePauseProtocol();
      transport._maybeResumeProtocol();
    }
    assertEquals(calls, ["pause 1", "resume 0"]);
    loop.close();
  });
});
