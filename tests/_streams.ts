/** What the tests of streams share. */

import {
  type AbstractEventLoop,
  AbstractServer,
  type BaseProtocol,
  Coroutine,
  OSError,
  ReadTransport,
  sleep,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
} from "../mod.ts";
import {
  memoryPair,
  type MemoryTransport,
  type PairOptions,
} from "./_memory_transport.ts";
import type { Body } from "./_spell.ts";

export const encode = (text: string): Uint8Array =>
  new TextEncoder().encode(text);
export const decode = (data: Uint8Array): string =>
  new TextDecoder().decode(data);

/** A reader that was fed some text, and its end where the last is null. */
export function fed(limit: number, ...pieces: (string | null)[]): StreamReader {
  const reader = new StreamReader(limit);
  for (const piece of pieces) {
    if (piece === null) reader.feedEof();
    else reader.feedData(encode(piece));
  }
  return reader;
}

/** What is buffered, without taking it. */
export function* buffered(reader: StreamReader): Body<string> {
  const size = Number(/(\d+) bytes/.exec(String(reader))?.[1] ?? 0);
  const data: Uint8Array = yield reader.read(size);
  reader.feedData(data);
  return decode(data);
}

/** Text of what an awaitable gives. */
export function* text(awaitable: unknown): Body<string> {
  return decode((yield awaitable) as Uint8Array);
}

/** Notes when it is paused and resumed. */
export class Pausable extends ReadTransport {
  readonly calls: string[] = [];
  override pauseReading(): void {
    this.calls.push("pause");
  }
  override resumeReading(): void {
    this.calls.push("resume");
  }
}

/** One end of a connection in memory. */
export interface End {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  readonly protocol: StreamReaderProtocol;
  readonly transport: MemoryTransport;
}

/** Has what a test leaves open aborted with its loop, in place of a warning. */
function abortAtEnd(loop: AbstractEventLoop, open: MemoryTransport[]): void {
  const close = loop.close.bind(loop);
  loop.close = () => {
    if (!loop.isClosed()) { for (const transport of open) transport.abort(); }
    close();
  };
}

/** Two streams that are connected in memory, from the loop's next iteration on. */
export function connectedStreams(
  loop: AbstractEventLoop,
  options: PairOptions = {},
): [End, End] {
  const readers = [new StreamReader(), new StreamReader()] as const;
  const protocols = [
    new StreamReaderProtocol(readers[0]),
    new StreamReaderProtocol(readers[1]),
  ] as const;
  const transports = memoryPair(loop, protocols[0], protocols[1], options);
  abortAtEnd(loop, transports);
  const end = (i: 0 | 1): End => ({
    reader: readers[i],
    protocol: protocols[i],
    transport: transports[i],
    writer: new StreamWriter(transports[i], protocols[i], readers[i], loop),
  });
  return [end(0), end(1)];
}

/** A server in memory, as far as streams need one. */
class MemoryServer extends AbstractServer {
  readonly #stop: () => void;
  constructor(stop: () => void) {
    super();
    this.#stop = stop;
  }
  override close(): void {
    this.#stop();
  }
}

/** What a loop's methods were called with. */
export interface Called {
  readonly method: string;
  readonly options: Record<string, unknown>;
}

/** Gives a loop the methods that open connections, all of them in memory. */
export function connectInMemory(loop: AbstractEventLoop): Called[] {
  const calls: Called[] = [];
  const listening = new Map<string, () => BaseProtocol>();
  const open: MemoryTransport[] = [];
  abortAtEnd(loop, open);
  type Options = Record<string, unknown>;
  const connect = function* (
    method: string,
    factory: () => BaseProtocol,
    key: string,
    options: Options,
  ) {
    calls.push({ method, options });
    const server = listening.get(key);
    if (server === undefined) {
      throw OSError.from("ECONNREFUSED", `Cannot connect to ${key}`);
    }
    const client = factory();
    const pair = memoryPair(loop, client, server());
    open.push(...pair);
    yield* sleep(0);
    return [pair[0], client];
  };
  // deno-lint-ignore require-yield
  const listen = function* (
    method: string,
    factory: () => BaseProtocol,
    key: string,
    options: Options,
  ) {
    calls.push({ method, options });
    listening.set(key, factory);
    return new MemoryServer(() => void listening.delete(key));
  };
  const inet = (generator: typeof connect | typeof listen, method: string) =>
  (
    factory: () => BaseProtocol,
    host: string | null,
    port: number | null,
    options: Options,
  ) =>
    new Coroutine(generator as never, [
      method,
      factory,
      `${host}:${port}`,
      options,
    ]);
  const unix =
    (generator: typeof connect | typeof listen, method: string) =>
    (factory: () => BaseProtocol, path: string | null, options: Options) =>
      new Coroutine(generator as never, [method, factory, `${path}`, options]);
  Object.assign(loop, {
    createConnection: inet(connect, "createConnection"),
    createServer: inet(listen, "createServer"),
    createUnixConnection: unix(connect, "createUnixConnection"),
    createUnixServer: unix(listen, "createUnixServer"),
  });
  return calls;
}
