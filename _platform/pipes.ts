/**
 * One-way streams of bytes: pipes of child processes, FIFOs, standard streams,
 * files, file descriptors that were passed on, Web Streams. Pushed rather than
 * read, the same on every runtime.
 *
 * Callbacks come from the host, in no particular async context; they must not
 * throw. Errors are OSErrors with the runtime's own error as `cause`.
 */

/** What a pipe that is read tells its owner. */
export interface ReadPipeEvents {
  /**
   * Whether `onData` uses a chunk up before it returns. A borrowed chunk is
   * overwritten by the next read, which saves an allocation for each; otherwise
   * every chunk is the receiver's to keep.
   */
  readonly borrows: boolean;
  /** Bytes arrived; never while the pipe is paused. */
  onData(chunk: Uint8Array): void;
  /** Nobody can write to it any more. */
  onEof(): void;
  /**
   * The pipe is closed. Comes exactly once and last: after close() with null, and
   * after a failure with the error; never from inside a call.
   */
  onClose(error: Error | null): void;
}

/** The end of a pipe that is read. It is born paused. */
export interface ReadPipe {
  /** Sets the owner, or replaces it. Comes before all else. */
  attach(events: ReadPipeEvents): void;
  /** Stops reading, so that whoever writes to it stalls in the end. */
  pause(): void;
  /** Reads again; what came meanwhile is told first, not from inside the call. */
  resume(): void;
  /** Closes it; nothing is told but `onClose`. */
  close(): void;
  /** Lets it keep the process alive, as it does from the start. */
  ref(): void;
  /** Lets the process end in spite of it, where the runtime can. */
  unref(): void;
}

/** What a pipe that is written tells its owner. */
export interface WritePipeEvents {
  /** `write` may take bytes again, or `buffered` has become 0. May be spurious. */
  onDrain(): void;
  /**
   * The pipe is closed. Comes exactly once and last: after close() and abort()
   * with null, and after a failure with the error; never from inside a call.
   */
  onClose(error: Error | null): void;
}

/** The end of a pipe that is written. */
export interface WritePipe {
  /** The bytes taken by `write` that the system does not have yet. */
  readonly buffered: number;
  /** Sets the owner, or replaces it. Comes before all else. */
  attach(events: WritePipeEvents): void;
  /**
   * Takes what can be written now.
   *
   * What was taken may stay a reference: the bytes must not change before
   * `buffered` is 0. Errors come through `onClose`.
   *
   * @param data The bytes; more than can be taken is fine.
   * @returns How many were taken; 0 means to wait for `onDrain`.
   */
  write(data: Uint8Array): number;
  /** Writes what was taken, then closes. */
  close(): void;
  /**
   * Closes at once. A write that the system has not accepted may hold the pipe
   * open until it does: no runtime takes one back.
   */
  abort(): void;
  /** Lets it keep the process alive, as it does from the start. */
  ref(): void;
  /** Lets the process end in spite of it, where the runtime can. */
  unref(): void;
}

/** An open file of the runtime's that is read and written by calls. */
export interface HostFile {
  /** Reads into a buffer; null at the end. */
  read?(buffer: Uint8Array): Promise<number | null>;
  /** Writes what it can; tells how many bytes. */
  write?(data: Uint8Array): Promise<number>;
  /** Closes it. */
  close(): void;
}

/**
 * What can be made a pipe of: a file descriptor (0, 1 and 2 are the standard
 * streams), the path of a file or FIFO, something that has a descriptor, an open
 * file of the runtime's. The pipe owns it from then on, and closes it.
 */
export type PipeFile =
  | number
  | string
  | URL
  | { readonly fd: number }
  | HostFile;

/** What can be read as a pipe. */
export type PipeSource = PipeFile | ReadableStream<Uint8Array>;

/** What can be written as a pipe. */
export type PipeTarget = PipeFile | WritableStream<Uint8Array>;

/** Pipes of one runtime. */
export interface Pipes {
  /**
   * Opens something to be read. Opening a FIFO waits until somebody writes to it.
   *
   * @param from What.
   * @param signal Gives the wait for a FIFO up.
   * @returns The pipe.
   * @throws {OSError} When it cannot be opened.
   * @throws {NotImplementedError} When the runtime cannot.
   */
  openRead(from: PipeSource, signal?: AbortSignal): Promise<ReadPipe>;
  /**
   * Opens something to be written. Opening a FIFO waits until somebody reads it; a
   * file is made where there is none, and written from its start.
   *
   * @param to What.
   * @param signal Gives the wait for a FIFO up.
   * @returns The pipe.
   * @throws {OSError} When it cannot be opened.
   * @throws {NotImplementedError} When the runtime cannot.
   */
  openWrite(to: PipeTarget, signal?: AbortSignal): Promise<WritePipe>;
}
