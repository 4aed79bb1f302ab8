/** Connections over named pipes, on both sides. */

import { ACCEPT_RETRY_DELAY } from "../constants.ts";
import { type Coro, Coroutine } from "../coroutines.ts";
import { isExit } from "../events.ts";
import type { Future } from "../futures.ts";
import { needParts } from "../_net/late.ts";
import type { ProtocolFactory } from "../_net/net_types.ts";
import type { BaseProtocol } from "../protocols.ts";
import { Socket } from "../_net/socket.ts";
import type { Transport } from "../transports.ts";
import type { ProactorEventLoop } from "../windows_events.ts";
import { PipeHandle, PipeServer } from "./windows_pipes.ts";

/** What a handle of a pipe holds, which has a new owner then; else the thing itself. */
export function givenOf(pipe: unknown): unknown {
  if (!(pipe instanceof PipeHandle)) return pipe;
  pipe.fileno();
  return pipe._release();
}

/** Whether it is the socket of a named pipe. */
export function isSocket(given: unknown): given is Socket {
  return given instanceof Socket;
}

/** Connects a protocol to the socket of a named pipe. */
export function connectNamed<P extends BaseProtocol>(
  loop: ProactorEventLoop,
  protocolFactory: ProtocolFactory<P>,
  socket: Socket,
): Coroutine<[transport: Transport, protocol: P]> {
  return new Coroutine<[transport: Transport, protocol: P]>(
    makeNamed as never,
    [loop, protocolFactory, socket],
  );
}

function* makeNamed<P extends BaseProtocol>(
  loop: ProactorEventLoop,
  protocolFactory: ProtocolFactory<P>,
  socket: Socket,
): Coro<[Transport, P]> {
  yield* needParts(loop);
  const waiter = loop.createFuture<void>();
  const protocol = protocolFactory();
  const transport = loop._makeSocketTransport(socket, protocol, waiter);
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}

/** See `ProactorEventLoop.createPipeConnection`. */
export function* createPipeConnection<P extends BaseProtocol>(
  loop: ProactorEventLoop,
  protocolFactory: ProtocolFactory<P>,
  address: string,
): Coro<[Transport, P]> {
  yield* needParts(loop);
  const handle = yield* loop._proactor.connectPipe(address);
  return openDuplex(loop, protocolFactory, handle, address);
}

/** Makes the transport of a named pipe's connection. */
function openDuplex<P extends BaseProtocol>(
  loop: ProactorEventLoop,
  protocolFactory: ProtocolFactory<P>,
  handle: PipeHandle<Socket>,
  address: string,
): [Transport, P] {
  try {
    const protocol = protocolFactory();
    const transport = loop._makeSocketTransport(
      handle.fileno(),
      protocol,
      null,
      { extra: { addr: address } },
    );
    handle._release();
    return [transport, protocol];
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** See `ProactorEventLoop.startServingPipe`. */
export function* startServingPipe(
  loop: ProactorEventLoop,
  protocolFactory: ProtocolFactory,
  address: string,
): Coro<[PipeServer]> {
  yield* needParts(loop);
  const server = new PipeServer(address);
  yield* server._open(loop);
  loop.callSoon(() => acceptNext(loop, protocolFactory, server, address));
  return [server];
}

/** Waits for the next client, as long as the server is open. */
function acceptNext(
  loop: ProactorEventLoop,
  protocolFactory: ProtocolFactory,
  server: PipeServer,
  address: string,
): void {
  if (server.closed()) return;
  const again = () => acceptNext(loop, protocolFactory, server, address);
  loop._proactor.acceptPipe(server).addDoneCallback((future) => {
    if (future.cancelled()) return;
    if (future.exception() !== null) {
      reportAccept(loop, server, future.exception());
      // Out of descriptors, perhaps: not at once.
      loop.callLater(ACCEPT_RETRY_DELAY, again);
      return;
    }
    serveClient(loop, protocolFactory, server, future, address);
    again();
  });
}

function serveClient(
  loop: ProactorEventLoop,
  protocolFactory: ProtocolFactory,
  server: PipeServer,
  accepted: Future<PipeHandle<Socket>>,
  address: string,
): void {
  const handle = accepted.result();
  if (server.closed()) return handle.close();
  try {
    openDuplex(loop, protocolFactory, handle, address);
  } catch (error) {
    if (isExit(error)) throw error;
    reportAccept(loop, server, error);
  }
}

function reportAccept(
  loop: ProactorEventLoop,
  server: PipeServer,
  error: unknown,
): void {
  if (server.closed()) return;
  loop.callExceptionHandler({
    message: "Pipe accept failed",
    exception: error,
  });
}
