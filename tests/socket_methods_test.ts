/** Sockets by hand, without a loop's help: what they take and give at once. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  BlockingIOError,
  DatagramProtocol,
  type DatagramTransport,
  OSError,
  Protocol,
  sleep,
  Socket,
  type SocketAddress,
  type TransportSocket,
} from "../mod.ts";
import { describe } from "./_harness.ts";
import { bytes, online, text } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";

const LOOPBACK = ["127.0.0.1", 0] as const;

/** What a call gives once there is something. */
function* soon<T>(call: () => T): Body<T> {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof BlockingIOError)) throw error;
    }
    yield sleep(0.001);
  }
}

/** The code of the error that a call throws. */
function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assertInstanceOf(error, OSError);
    return error.code;
  }
  return "";
}

/** Two datagram sockets. */
function* datagrams(): Body<[Socket, Socket]> {
  const [near, far] = [
    new Socket("inet", "dgram"),
    new Socket("inet", "dgram"),
  ];
  yield near.bind(LOOPBACK);
  yield far.bind(LOOPBACK);
  return [near, far];
}

describe("A datagram socket by hand", () => {
  online("sends at once, and receives what is there", function* () {
    const [near, far]: [Socket, Socket] = yield* datagrams();
    const to = far.getSockName();
    assertEquals(near.sendTo(bytes("one"), to), 3);
    assertEquals(near.sendTo(bytes("second"), to), 6);
    const [first, from]: [Uint8Array, SocketAddress] = yield* soon(() =>
      far.recvFrom(100)
    );
    assertEquals([text(first), from], ["one", near.getSockName()]);
    const buffer = new Uint8Array(10);
    const [count] = yield* soon(() => far.recvFromInto(buffer));
    assertEquals(text(buffer.subarray(0, count)), "second");
    near.sendTo(bytes("third"), to);
    assertEquals(yield* soon(() => far.recvInto(buffer)), 5);
    assertEquals(text(buffer.subarray(0, 5)), "third");
    near.close();
    far.close();
  });

  online("needs an address unless it is connected", function* () {
    const [near, far]: [Socket, Socket] = yield* datagrams();
    assertEquals(codeOf(() => near.sendTo(bytes("x"))), "ENOTCONN");
    near.close();
    far.close();
  });

  online("does not listen, nor accept", function* () {
    const [near, far]: [Socket, Socket] = yield* datagrams();
    const error = yield* caught(near.listen());
    assertEquals((error as OSError).code, "EOPNOTSUPP");
    near.close();
    far.close();
  });

  online("may be told to broadcast, and whom groups hear", function* () {
    const [near, far]: [Socket, Socket] = yield* datagrams();
    near.setSockOpt("SO_BROADCAST", true);
    near.setSockOpt("IP_MULTICAST_LOOP", false);
    near.setSockOpt("IP_MULTICAST_TTL", 2);
    near.setSockOpt("IP_MULTICAST_IF", "127.0.0.1");
    near.sendTo(bytes("still sends"), far.getSockName());
    const [data] = yield* soon(() => far.recvFrom(100));
    assertEquals(text(data), "still sends");
    near.close();
    far.close();
  });
});

describe("A stream socket by hand", () => {
  online("receives into a buffer, 0 at the end", function* ({ loop }) {
    const listener = new Socket("inet");
    yield listener.bind(LOOPBACK);
    yield listener.listen();
    assertEquals(codeOf(() => listener.shutdown("write")), "ENOTCONN");
    const near = new Socket("inet");
    yield loop.sockConnect(near, listener.getSockName());
    const [far]: [Socket] = yield loop.sockAccept(listener);
    const buffer = new Uint8Array(10);
    assertEquals(codeOf(() => far.recvInto(buffer)), "EAGAIN");
    near.send(bytes("hello"));
    assertEquals(yield* soon(() => far.recvInto(buffer)), 5);
    assertEquals(text(buffer.subarray(0, 5)), "hello");
    assertEquals(codeOf(() => near.accept()), "EINVAL");
    near.close();
    assertEquals(yield* soon(() => far.recvInto(buffer)), 0);
    far.close();
    listener.close();
  });
});

/** Notes what comes, and fails at it. */
class Failing extends DatagramProtocol {
  override datagramReceived(data: Uint8Array): void {
    throw new RangeError(text(data));
  }
}

describe("A datagram transport", () => {
  online("goes on after its protocol has failed, which is reported", function* (
    { loop, reports },
  ) {
    const [transport, protocol]: [DatagramTransport, Failing] = yield loop
      .createDatagramEndpoint(() => new Failing(), LOOPBACK);
    assert(transport.getProtocol() === protocol);
    const own = transport.getExtraInfo<SocketAddress>("sockname")!;
    assertEquals(
      transport.getExtraInfo<TransportSocket>("socket")!.getSockName(),
      own,
    );
    transport.sendTo(bytes("first"), own);
    while (reports.length === 0) yield sleep(0.001);
    const [report] = reports.splice(0);
    assertInstanceOf(report!.exception, RangeError);
    assertEquals(report!["transport"], transport);
    const got: string[] = [];
    transport.setProtocol(
      Object.assign(new Protocol(), {
        datagramReceived: (data: Uint8Array) => void got.push(text(data)),
        errorReceived() {},
      }),
    );
    transport.sendTo(bytes("second"), own);
    while (got.length === 0) yield sleep(0.001);
    assertEquals(got, ["second"]);
    transport.close();
    yield sleep(0.01);
  });
});
