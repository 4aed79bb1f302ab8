/** The proactor of Windows, as far as it can be one where the runtime completes. */

import type { SocketAddress } from "../_platform/sockets.ts";
import { type AnyCoroutine, type Coro, Coroutine } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import { NotImplementedError, RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import type { FileSource } from "../_net/net_types.ts";
import { Socket } from "../_net/socket.ts";
import { sleep } from "../tasks.ts";
import {
  isBusy,
  PipeHandle,
  type PipeServer,
  type PlatformLoop,
} from "./windows_pipes.ts";

/** For ever, in milliseconds, as Windows writes it. */
export const INFINITE: number = 0xffffffff;
/** The first wait of `connectPipe` before it tries again, in seconds. */
export const CONNECT_PIPE_INIT_DELAY: number = 0.001;
/** The longest wait of `connectPipe` before it tries again, in seconds. */
export const CONNECT_PIPE_MAX_DELAY: number = 0.100;

/** A socket, or the handle of a named pipe. */
export type Connection = Socket | PipeHandle<Socket>;

/** Something that ends, as a `Popen` does. */
export interface Waitable {
  /** Says who is told of the end; gives what makes it not be told. */
  onExit(told: () => void): () => void;
}

/**
 * Starts operations of sockets and pipes, and gives a future of each. On Windows a
 * completion port stands behind it; here it is the loop's own calls, since a runtime
 * tells of all completions by itself.
 */
export class IocpProactor {
  #loop: PlatformLoop | null = null;
  #closed = false;
  readonly #pending: Set<Future<unknown>> = new Set();

  /**
   * Makes a proactor.
   *
   * @param _concurrency No effect: JavaScript runs in one thread.
   */
  constructor(_concurrency: number = INFINITE) {}

  /** Shows it. */
  toString(): string {
    const closed = this.#closed ? " closed" : "";
    return `<${this.constructor.name} overlapped#=${this.#pending.size} ` +
      `result#=0${closed}>`;
  }

  /**
   * Names the loop that the futures are of.
   *
   * @param loop The loop.
   */
  setLoop(loop: AbstractEventLoop): void {
    this.#loop = loop as PlatformLoop;
  }

  /**
   * Not offered.
   *
   * @param _timeout How long, in seconds.
   * @throws {NotImplementedError} Always: the runtime tells of completions by itself.
   */
  select(_timeout?: number | null): Future<unknown>[] {
    throw new NotImplementedError(
      "Cannot wait for completions by select(): the runtime tells the loop of " +
        "them, so await the futures",
    );
  }

  /**
   * Receives.
   *
   * @param conn The connection.
   * @param nbytes How many bytes at most.
   * @param _flags No effect.
   * @returns A future of what came; of nothing at the end of the stream.
   */
  recv(
    conn: Connection,
    nbytes: number,
    _flags: number = 0,
  ): Future<Uint8Array> {
    const loop = this.#open();
    return this.#start(loop.sockRecv(socketOf(conn), nbytes));
  }

  /**
   * Receives into a buffer.
   *
   * @param conn The connection.
   * @param buf Where to.
   * @param _flags No effect.
   * @returns A future of how many bytes came.
   */
  recvInto(
    conn: Connection,
    buf: Uint8Array,
    _flags: number = 0,
  ): Future<number> {
    const loop = this.#open();
    return this.#start(loop.sockRecvInto(socketOf(conn), buf));
  }

  /**
   * Receives a datagram.
   *
   * @param conn The socket.
   * @param nbytes How many bytes at most.
   * @param _flags No effect.
   * @returns A future of the datagram, and of who sent it.
   */
  recvfrom(
    conn: Connection,
    nbytes: number,
    _flags: number = 0,
  ): Future<[data: Uint8Array, address: SocketAddress]> {
    const loop = this.#open();
    return this.#start(loop.sockRecvFrom(socketOf(conn), nbytes));
  }

  /**
   * Receives a datagram into a buffer.
   *
   * @param conn The socket.
   * @param buf Where to.
   * @param _flags No effect.
   * @returns A future of how many bytes came, and of who sent them.
   */
  recvfromInto(
    conn: Connection,
    buf: Uint8Array,
    _flags: number = 0,
  ): Future<[count: number, address: SocketAddress]> {
    const loop = this.#open();
    return this.#start(loop.sockRecvFromInto(socketOf(conn), buf));
  }

  /**
   * Sends.
   *
   * @param conn The connection.
   * @param buf The bytes, which must not change meanwhile.
   * @param _flags No effect.
   * @returns A future of how many were sent: all.
   */
  send(conn: Connection, buf: Uint8Array, _flags: number = 0): Future<number> {
    const loop = this.#open();
    return this.#start(sendAll(loop, socketOf(conn), buf));
  }

  /**
   * Sends a datagram.
   *
   * @param conn The socket.
   * @param buf The datagram.
   * @param _flags No effect.
   * @param addr Where to; where it is connected to unless given.
   * @returns A future of how many bytes were sent.
   */
  sendTo(
    conn: Connection,
    buf: Uint8Array,
    _flags: number = 0,
    addr: SocketAddress | null = null,
  ): Future<number> {
    const loop = this.#open();
    const socket = socketOf(conn);
    return this.#start(
      addr === null
        ? sendAll(loop, socket, buf)
        : loop.sockSendTo(socket, buf, addr),
    );
  }

  /**
   * Accepts a connection.
   *
   * @param listener The listening socket.
   * @returns A future of the connection, and of who made it.
   */
  accept(listener: Socket): Future<[conn: Socket, address: SocketAddress]> {
    const loop = this.#open();
    return this.#start(loop.sockAccept(listener));
  }

  /**
   * Connects a socket.
   *
   * @param conn The socket.
   * @param address Where to.
   * @returns A future of the socket.
   */
  connect(conn: Socket, address: SocketAddress): Future<Socket> {
    return this.#start(connected(this.#open(), conn, address));
  }

  /**
   * Sends a file.
   *
   * @param sock The connection.
   * @param file The file.
   * @param offset Where in the file.
   * @param count How many bytes; all that follow if 0.
   * @returns A future of how many bytes were sent.
   */
  sendFile(
    sock: Socket,
    file: FileSource,
    offset: number,
    count: number,
  ): Future<number> {
    const loop = this.#open();
    return this.#start(loop.sockSendFile(sock, file, offset, count || null));
  }

  /**
   * Waits for a client of a named pipe.
   *
   * @param pipe The server: what connects is its, not an instance of the pipe's.
   * @returns A future of the client's pipe.
   */
  acceptPipe(pipe: PipeServer): Future<PipeHandle<Socket>> {
    return this.#keep(pipe._accept(this.#open()));
  }

  /**
   * Connects to a named pipe; tries again while all its instances are taken.
   *
   * @param address The pipe's name: "\\\\.\\pipe\\name".
   * @returns The pipe.
   * @throws {OSError} If there is no such pipe.
   */
  connectPipe(address: string): Coroutine<PipeHandle<Socket>> {
    return new Coroutine<PipeHandle<Socket>>(
      connectPipe as never,
      [this.#open(), address],
    );
  }

  /**
   * Waits for the end of a child process.
   *
   * @param handle The child, a `Popen`.
   * @param timeout How long, in seconds; for ever if null.
   * @returns A future: true when it has ended, false when the time is up.
   */
  waitForHandle(
    handle: Waitable,
    timeout: number | null = null,
  ): Future<boolean> {
    const loop = this.#open();
    const future = loop.createFuture<boolean>();
    const settle = (ended: boolean) => {
      if (!future.done()) future.setResult(ended);
    };
    const forget = handle.onExit(() => {
      if (!loop.isClosed()) loop.callSoonThreadsafe(settle, true);
    });
    const timer = timeout === null
      ? null
      : loop.callLater(timeout, settle, false);
    future.addDoneCallback(() => {
      forget();
      timer?.cancel();
    });
    return this.#keep(future);
  }

  /** Cancels what is under way; nothing can be started any more. */
  close(): void {
    this.#closed = true;
    for (const future of [...this.#pending]) {
      if (!future.getLoop().isClosed()) future.cancel();
    }
    this.#pending.clear();
  }

  #open(): PlatformLoop {
    if (this.#closed) throw new RuntimeError("IocpProactor is closed");
    if (this.#loop === null) {
      throw new RuntimeError(
        "IocpProactor has no loop: call setLoop(), or give it to " +
          "ProactorEventLoop",
      );
    }
    return this.#loop;
  }

  #start<T>(operation: AnyCoroutine<T>): Future<T> {
    return this.#keep(this.#loop!.createTask(operation));
  }

  #keep<T>(future: Future<T>): Future<T> {
    this.#pending.add(future);
    future.addDoneCallback((done) => void this.#pending.delete(done));
    return future;
  }
}

/** The socket of a connection. */
function socketOf(conn: Connection): Socket {
  const socket: unknown = conn instanceof PipeHandle ? conn.fileno() : conn;
  if (socket instanceof Socket) return socket;
  throw new NotImplementedError(
    "Cannot do this with a child's pipe, which tells what it has by itself: " +
      "use the loop's connectReadPipe() or connectWritePipe()",
  );
}

function* sendAll(
  loop: PlatformLoop,
  socket: Socket,
  data: Uint8Array,
): Coro<number> {
  yield* loop.sockSendAll(socket, data);
  return data.length;
}

function* connected(
  loop: PlatformLoop,
  socket: Socket,
  address: SocketAddress,
): Coro<Socket> {
  yield* loop.sockConnect(socket, address);
  return socket;
}

function* connectPipe(
  loop: PlatformLoop,
  address: string,
): Coro<PipeHandle<Socket>> {
  let delay = CONNECT_PIPE_INIT_DELAY;
  for (;;) {
    const socket = new Socket("unix");
    try {
      yield* loop.sockConnect(socket, address);
      return new PipeHandle(socket);
    } catch (error) {
      socket.close();
      if (!isBusy(error)) throw error;
    }
    delay = Math.min(delay * 2, CONNECT_PIPE_MAX_DELAY);
    yield* sleep(delay);
  }
}
