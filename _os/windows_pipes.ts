/** Handles of pipes, and servers of named pipes, as Windows has them. */

import type { Coro } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import { OSError, RuntimeError } from "../exceptions.ts";
import { ensureFuture } from "../tasks.ts";
import type { Future } from "../futures.ts";
import { warn } from "../log.ts";
import { Socket } from "../_net/socket.ts";
import { opened } from "../_net/taking.ts";
import type { Platform } from "../_platform/types.ts";

/** What can be closed: a socket of a named pipe, or one end of a child's pipe. */
export interface Closable {
  /** Closes it. */
  close(): void;
}

/** A loop with a platform. */
export interface PlatformLoop extends AbstractEventLoop {
  readonly _platform: Platform;
}

/** What is left of a handle that nobody holds any more. */
interface Held {
  handle: Closable | null;
  text: string;
}

const forgotten = new FinalizationRegistry<Held>((held) => {
  const { handle } = held;
  if (handle === null) return;
  held.handle = null;
  warn(`unclosed ${held.text}`, "ResourceWarning");
  handle.close();
});

let handles = 0;

/**
 * Holds one end of a pipe, and warns if it is forgotten. What Windows knows by a
 * number is an object here: a {@linkcode Socket} of a named pipe, or a pipe to a child
 * process, which the loop's `connectReadPipe` and `connectWritePipe` take.
 *
 * @example Closed at the end of the block
 * ```ts ignore
 * using handle = await loop._proactor.connectPipe("\\\\.\\pipe\\service");
 * ```
 */
export class PipeHandle<H extends Closable = Closable> implements Disposable {
  readonly #held: Held;
  readonly #number = ++handles;

  /**
   * Takes one end of a pipe, and owns it.
   *
   * @param handle The end.
   */
  constructor(handle: H) {
    this.#held = { handle, text: "" };
    this.#held.text = `${this}`;
    forgotten.register(this, this.#held);
  }

  /** Shows it. */
  toString(): string {
    const state = this.#held.handle === null
      ? "closed"
      : `handle=${this.#number}`;
    return `<${this.constructor.name} ${state}>`;
  }

  /** The end of the pipe; null once it is closed. */
  get handle(): H | null {
    return this.#held.handle as H | null;
  }

  /**
   * The end of the pipe.
   *
   * @returns The same as {@linkcode PipeHandle.handle}.
   * @throws {RangeError} If it is closed.
   */
  fileno(): H {
    if (this.handle === null) {
      throw new RangeError("I/O operation on closed pipe");
    }
    return this.handle;
  }

  /**
   * Closes the end of the pipe, once.
   *
   * @param options `closeHandle`: what closes it, in place of its own `close`.
   */
  close(options?: { closeHandle?: (handle: H) => void }): void {
    const handle = this._release();
    if (handle === null) return;
    if (options?.closeHandle === undefined) handle.close();
    else options.closeHandle(handle);
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Gives the end of the pipe to a new owner.
   *
   * @internal
   */
  _release(): H | null {
    const { handle } = this;
    this.#held.handle = null;
    return handle;
  }
}

/** Listens on the address of a named pipe. */
export function* openListener(
  loop: PlatformLoop,
  address: string,
): Coro<Socket> {
  const socket = new Socket("unix");
  yield* opened(loop, () => socket.bind(address), () => {});
  try {
    yield* opened(
      loop,
      () => socket._listen(loop._platform, undefined, false),
      () => {},
    );
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

const PIPE_BUSY = "EBUSY";

/** Whether all instances of a named pipe are taken, so that another try is due. */
export function isBusy(error: unknown): boolean {
  return error instanceof OSError && error.code === PIPE_BUSY;
}

/** What is left of a server that nobody holds any more. */
const unclosed = new FinalizationRegistry<{ socket: Socket | null }>((held) => {
  held.socket?.close();
});

/**
 * A server of a named pipe, much like a bound, listening socket. `startServingPipe`
 * makes one and has it listen.
 */
export class PipeServer {
  #address: string | null;
  readonly #held: { socket: Socket | null } = { socket: null };
  #accepting: Future<unknown> | null = null;

  /**
   * Makes a server that does not listen yet: that takes a loop.
   *
   * @param address The pipe's name: "\\\\.\\pipe\\name".
   */
  constructor(address: string) {
    this.#address = address;
    unclosed.register(this, this.#held);
  }

  /** Whether it is closed. */
  closed(): boolean {
    return this.#address === null;
  }

  /** Refuses new clients; those that are connected stay. */
  close(): void {
    this.#accepting?.cancel();
    this.#accepting = null;
    this.#address = null;
    this.#held.socket?.close();
    this.#held.socket = null;
  }

  /**
   * Listens.
   *
   * @internal
   */
  *_open(loop: PlatformLoop): Coro<void> {
    if (this.#address === null || this.#held.socket !== null) {
      throw new RuntimeError("Cannot open a PipeServer twice");
    }
    const socket = yield* openListener(loop, this.#address);
    if (this.closed()) socket.close();
    else this.#held.socket = socket;
  }

  /**
   * Waits for the next client.
   *
   * @internal
   */
  _accept(loop: PlatformLoop): Future<PipeHandle<Socket>> {
    const { socket } = this.#held;
    if (socket === null) {
      throw new RuntimeError(
        `Cannot accept a client: the server is ${
          this.closed() ? "closed" : "not open"
        }`,
      );
    }
    const future = ensureFuture(acceptOne(loop, socket), { loop }) as Future<
      PipeHandle<Socket>
    >;
    this.#accepting = future;
    return future;
  }
}

function* acceptOne(
  loop: PlatformLoop,
  socket: Socket,
): Coro<PipeHandle<Socket>> {
  const [client] = yield* loop.sockAccept(socket);
  return new PipeHandle(client);
}
