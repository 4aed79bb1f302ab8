/** protocols.ts. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  _feedDataToBufferedProto,
  BaseProtocol,
  BaseTransport,
  BufferedProtocol,
  DatagramProtocol,
  Protocol,
  RuntimeError,
  SubprocessProtocol,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";

describe("protocols", () => {
  it("do nothing where nothing is overridden", () => {
    const data = new Uint8Array(1);
    const results: unknown[] = [];
    for (
      const protocol of [
        new BaseProtocol(),
        new Protocol(),
        new BufferedProtocol(),
        new DatagramProtocol(),
        new SubprocessProtocol(),
      ]
    ) {
      assert(protocol instanceof BaseProtocol);
      results.push(
        protocol.connectionMade(new BaseTransport()),
        protocol.pauseWriting(),
        protocol.resumeWriting(),
        protocol.connectionLost(null),
      );
    }
    results.push(
      new Protocol().dataReceived(data),
      new Protocol().eofReceived(),
      new BufferedProtocol().bufferUpdated(1),
      new BufferedProtocol().eofReceived(),
      new DatagramProtocol().datagramReceived(data, null),
      new DatagramProtocol().errorReceived(new Error()),
      new SubprocessProtocol().pipeDataReceived(1, data),
      new SubprocessProtocol().pipeConnectionLost(1, null),
      new SubprocessProtocol().processExited(),
    );
    assertEquals(new Set(results), new Set([undefined]));
  });

  it("a BufferedProtocol is no Protocol", () => {
    assert(!((new BufferedProtocol() as unknown) instanceof Protocol));
  });
});

describe("feeding a buffered protocol", () => {
  class Buffered extends BufferedProtocol {
    readonly hints: number[] = [];
    readonly got: number[] = [];
    readonly #buffer: Uint8Array;
    constructor(size: number) {
      super();
      this.#buffer = new Uint8Array(size);
    }
    override getBuffer(hint: number): Uint8Array {
      this.hints.push(hint);
      return this.#buffer;
    }
    override bufferUpdated(count: number): void {
      this.got.push(...this.#buffer.subarray(0, count));
    }
  }
  const data = new Uint8Array([1, 2, 3, 4, 5, 6, 7]);

  it("a large buffer takes all at once", () => {
    for (const size of [7, 8, 100]) {
      const protocol = new Buffered(size);
      _feedDataToBufferedProto(protocol, data);
      assertEquals([protocol.hints, protocol.got], [[7], [...data]]);
    }
  });

  it("a small buffer takes piece by piece", () => {
    const protocol = new Buffered(3);
    _feedDataToBufferedProto(protocol, data);
    assertEquals([protocol.hints, protocol.got], [[7, 4, 1], [...data]]);
  });

  it("no data is no call", () => {
    const protocol = new Buffered(3);
    _feedDataToBufferedProto(protocol, new Uint8Array(0));
    assertEquals(protocol.hints, []);
  });

  it("an empty buffer is an error", () => {
    assertThrows(
      () => _feedDataToBufferedProto(new BufferedProtocol(), data),
      RuntimeError,
      "get_buffer() returned an empty buffer",
    );
  });
});
