/**
 * RESP, the protocol of Redis, on streams: a client that several tasks can share,
 * and a small server.
 *
 *     deno run --allow-net examples/resp.ts 6380
 *     redis-cli -p 6380 set greeting hello
 *     redis-cli -p 6380 get greeting
 */
import {
  ConnectionResetError,
  createTask,
  type Future,
  getRunningLoop,
  IncompleteReadError,
  openConnection,
  type StreamReader,
  type StreamWriter,
  type Task,
} from "../mod.ts";

/** The longest text or list that is taken from a peer. */
const LENGTH_MAX = 64 * 1024 * 1024;

/** An error that the peer reported. */
export class ReplyError extends Error {}

/** What RESP can say. */
export type Reply =
  | Uint8Array
  | string
  | number
  | null
  | ReplyError
  | readonly Reply[];

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const CRLF = new Uint8Array([13, 10]);

/** The peer does not speak RESP. */
class ProtocolError extends Error {}

function lengthOf(text: string): number {
  const length = Number(text);
  if (!Number.isInteger(length) || length < -1 || length > LENGTH_MAX) {
    throw new ProtocolError(`no length: ${JSON.stringify(text)}`);
  }
  return length;
}

/** Reads one value. */
export async function readReply(reader: StreamReader): Promise<Reply> {
  const line = decoder.decode(await reader.readUntil(CRLF)).slice(0, -2);
  const rest = line.slice(1);
  switch (line[0]) {
    case "+":
      return rest;
    case "-":
      return new ReplyError(rest);
    case ":":
      return Number(rest);
    case "$": {
      const length = lengthOf(rest);
      if (length === -1) return null;
      return (await reader.readExactly(length + 2)).subarray(0, length);
    }
    case "*": {
      const length = lengthOf(rest);
      if (length === -1) return null;
      const items: Reply[] = [];
      for (let i = 0; i < length; i++) items.push(await readReply(reader));
      return items;
    }
    default:
      throw new ProtocolError(`no RESP value: ${JSON.stringify(line)}`);
  }
}

/** Writes one value; texts as simple strings, bytes as bulk strings. */
export function writeReply(writer: StreamWriter, value: Reply): void {
  if (value === null) writer.write(encoder.encode("$-1\r\n"));
  else if (typeof value === "number") {
    writer.write(encoder.encode(`:${value}\r\n`));
  } else if (typeof value === "string") {
    writer.write(encoder.encode(`+${value}\r\n`));
  } else if (value instanceof ReplyError) {
    writer.write(encoder.encode(`-${value.message}\r\n`));
  } else if (value instanceof Uint8Array) {
    writer.write(encoder.encode(`$${value.length}\r\n`));
    writer.write(value);
    writer.write(CRLF);
  } else {
    writer.write(encoder.encode(`*${value.length}\r\n`));
    for (const item of value) writeReply(writer, item);
  }
}

/** A connection to a Redis server; tasks may share it, their commands queue up. */
export class RedisClient implements AsyncDisposable {
  readonly #writer: StreamWriter;
  readonly #waiting: Future<Reply>[] = [];
  readonly #reading: Task<void>;

  private constructor(reader: StreamReader, writer: StreamWriter) {
    this.#writer = writer;
    this.#reading = createTask(() => this.#read(reader));
  }

  /** Connects. */
  static async connect(host: string, port: number): Promise<RedisClient> {
    const [reader, writer] = await openConnection(host, port);
    return new RedisClient(reader, writer);
  }

  async #read(reader: StreamReader): Promise<void> {
    let reason: unknown = new ConnectionResetError("the server has closed");
    try {
      for (;;) {
        const reply = await readReply(reader);
        const future = this.#waiting.shift();
        // One whose task was cancelled is done already: its reply is dropped.
        if (future === undefined || future.done()) continue;
        if (reply instanceof ReplyError) future.setException(reply);
        else future.setResult(reply);
      }
    } catch (error) {
      if (!(error instanceof IncompleteReadError)) reason = error;
    } finally {
      for (const future of this.#waiting.splice(0)) {
        if (!future.done()) future.setException(reason);
      }
    }
  }

  /** Sends a command and waits for its reply. */
  async send(...command: readonly (string | Uint8Array)[]): Promise<Reply> {
    if (this.#reading.done()) {
      throw new ConnectionResetError("the connection is closed");
    }
    const future = getRunningLoop().createFuture<Reply>();
    this.#waiting.push(future);
    writeReply(
      this.#writer,
      command.map((part) =>
        typeof part === "string" ? encoder.encode(part) : part
      ),
    );
    await this.#writer.drain();
    return await future;
  }

  /** Closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#writer.close();
    await this.#reading.cancelAndWait();
    await this.#writer.waitClosed();
  }
}

/** A store that understands a few commands. */
export class MiniRedis {
  readonly #values = new Map<string, Uint8Array>();

  /** Serves one connection. */
  readonly serve = async (
    reader: StreamReader,
    writer: StreamWriter,
  ): Promise<void> => {
    try {
      for (;;) {
        const command = await readReply(reader);
        writeReply(writer, this.#answer(command));
        await writer.drain();
      }
    } catch (error) {
      if (error instanceof ProtocolError) {
        writeReply(writer, new ReplyError(`ERR ${error.message}`));
      } else if (
        !(error instanceof IncompleteReadError) &&
        !(error instanceof ConnectionResetError)
      ) throw error;
    } finally {
      writer.close();
    }
  };

  #answer(command: Reply): Reply {
    if (
      !Array.isArray(command) || command.length === 0 ||
      !command.every((part) => part instanceof Uint8Array)
    ) return new ReplyError("ERR a list of texts is expected");
    const parts = command as Uint8Array[];
    const name = decoder.decode(parts[0]).toUpperCase();
    const key = parts.length > 1 ? decoder.decode(parts[1]) : "";
    const need = { GET: 2, SET: 3, DEL: 2, INCR: 2, ECHO: 2 }[name];
    if (need !== undefined && parts.length !== need) {
      return new ReplyError(`ERR wrong number of arguments for '${name}'`);
    }
    switch (name) {
      case "PING":
        return parts[1] ?? "PONG";
      case "ECHO":
        return parts[1]!;
      case "GET":
        return this.#values.get(key) ?? null;
      case "SET":
        // The chunk may be part of something larger: keep only what it is.
        this.#values.set(key, parts[2]!.slice());
        return "OK";
      case "DEL":
        return this.#values.delete(key) ? 1 : 0;
      case "INCR": {
        const now = Number(decoder.decode(this.#values.get(key)) || "0");
        if (!Number.isSafeInteger(now)) {
          return new ReplyError("ERR value is not an integer");
        }
        this.#values.set(key, encoder.encode(String(now + 1)));
        return now + 1;
      }
      case "COMMAND":
        // redis-cli asks for the list of commands when it starts.
        return [];
      default:
        return new ReplyError(`ERR unknown command '${name}'`);
    }
  }
}

const { main } = import.meta as { main?: boolean };
if (main) {
  const { run, startServer } = await import("../mod.ts");
  const { process } = globalThis as { process?: { argv: string[] } };
  await run(async () => {
    const server = await startServer(
      new MiniRedis().serve,
      "127.0.0.1",
      Number(process?.argv[2] ?? 6380),
    );
    await server.serveForever();
  });
}
