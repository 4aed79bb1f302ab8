/** Opening pipes: what is the same whatever the runtime opens files by. */

import { type Named, named, nameOf } from "./pipe_files.ts";
import {
  FileReadSource,
  FileSink,
  StreamSink,
  streamSource,
} from "./pipe_streams.ts";
import type {
  Pipes,
  PipeSource,
  PipeTarget,
  ReadPipe,
  WritePipe,
} from "./pipes.ts";
import { PulledPipe } from "./pulled_pipe.ts";
import { PushedPipe } from "./pushed_pipe.ts";
import { systemError } from "./socket_errors.ts";

/** What has a path or a descriptor. */
export type Unopened = Exclude<Named, { readonly file: unknown }>;

/** How one runtime opens what has a path or a descriptor. */
export interface PipeOpener {
  /** Opens it to be read; `name` is for errors. */
  read(
    what: Unopened,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<ReadPipe>;
  /** Opens it to be written. */
  write(
    what: Unopened,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<WritePipe>;
}

/** Makes the pipes of a runtime. */
export function pipesBy(opener: PipeOpener): Pipes {
  async function openRead(
    from: PipeSource,
    signal?: AbortSignal,
  ): Promise<ReadPipe> {
    if (from instanceof ReadableStream) {
      return new PulledPipe(streamSource(from), "the stream");
    }
    const what = named(from, "read");
    const name = nameOf(what);
    if ("file" in what) {
      return new PulledPipe(new FileReadSource(what.file), name);
    }
    try {
      return await opener.read(what, name, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw systemError(`Cannot open ${name} to read it`, error);
    }
  }

  async function openWrite(
    to: PipeTarget,
    signal?: AbortSignal,
  ): Promise<WritePipe> {
    if (to instanceof WritableStream) {
      return new PushedPipe(new StreamSink(to), "the stream");
    }
    const what = named(to, "write");
    const name = nameOf(what);
    if ("file" in what) return new PushedPipe(new FileSink(what.file), name);
    try {
      return await opener.write(what, name, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw systemError(`Cannot open ${name} to write it`, error);
    }
  }

  return { openRead, openWrite };
}
