// deno-lint-ignore-file no-console
/**
 * A chat over TLS. Connections begin in plain text and are upgraded by STARTTLS;
 * until then nothing else is understood.
 *
 *     deno run -A examples/chat.ts serve 7000 server.pem server.key
 *     deno run -A examples/chat.ts join localhost 7000 ann ca.pem
 */
import {
  BrokenPipeError,
  ConnectionError,
  createDefaultContext,
  createTask,
  IncompleteReadError,
  LimitOverrunError,
  openConnection,
  openStdio,
  Queue,
  QueueFull,
  run,
  SSLContext,
  startServer,
  type StreamReader,
  type StreamWriter,
  TaskGroup,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { args, isMain } from "./_host.ts";

/** Seconds that a client may take to say who it is. */
const PATIENCE = 10;
/** Lines that wait for a slow client before it is sent away. */
const BACKLOG = 100;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The peer has left, or says what it may not. */
class Left extends Error {}

async function readLine(reader: StreamReader): Promise<string> {
  const line = await reader.readLine();
  if (line.at(-1) !== 10) throw new Left();
  return decoder.decode(line).trimEnd();
}

async function say(writer: StreamWriter, line: string): Promise<void> {
  writer.write(encoder.encode(`${line}\n`));
  await writer.drain();
}

/** Whether a peer has sent more than was read; nothing is lost. */
async function hasMore(reader: StreamReader): Promise<boolean> {
  const more = createTask(reader.read(1), { eagerStart: true });
  if (more.done()) return true;
  await more.cancelAndWait();
  return false;
}

/** Whoever is in the room, and what is still to be sent to them. */
export class Room {
  readonly #context: SSLContext;
  readonly #members: Map<string, Queue<string>> = new Map();

  constructor(context: SSLContext) {
    this.#context = context;
  }

  /** Serves one connection. */
  readonly serve = async (
    reader: StreamReader,
    writer: StreamWriter,
  ): Promise<void> => {
    try {
      const name = await timeout(PATIENCE).with(() =>
        this.#welcome(reader, writer)
      );
      await this.#stay(name, reader, writer);
    } catch (error) {
      const expected = [Left, ConnectionError, BrokenPipeError, TimeoutError];
      const leaving = [...expected, IncompleteReadError, LimitOverrunError];
      if (!leaving.some((kind) => error instanceof kind)) throw error;
    } finally {
      writer.close();
    }
  };

  async #welcome(reader: StreamReader, writer: StreamWriter): Promise<string> {
    await say(writer, "chat, please STARTTLS");
    if (await readLine(reader) !== "STARTTLS") {
      await say(writer, "not without TLS");
      throw new Left();
    }
    // What came with the command was not encrypted: somebody on the way may have
    // put it there, to be taken for what the client said later.
    if (await hasMore(reader)) throw new Left();
    await say(writer, "go ahead");
    await writer.startTls(this.#context);
    for (;;) {
      await say(writer, "your name?");
      const name = await readLine(reader);
      if (!/^\w{1,20}$/.test(name)) await say(writer, "one word, please");
      else if (this.#members.has(name)) await say(writer, `${name} is here`);
      else return name;
    }
  }

  async #stay(
    name: string,
    reader: StreamReader,
    writer: StreamWriter,
  ): Promise<void> {
    const lines = new Queue<string>(BACKLOG);
    this.#members.set(name, lines);
    this.#tellAll(`* ${name} has come`);
    try {
      await new TaskGroup().with(async (group) => {
        // Each member has a task that sends, so that a slow one delays nobody.
        group.createTask(async () => {
          for await (const line of lines) await say(writer, line);
          // Shut down: it was too slow.
          group.cancel();
        });
        for await (const line of reader) {
          this.#tellAll(`${name}: ${decoder.decode(line).trimEnd()}`);
        }
        group.cancel();
      });
    } finally {
      this.#members.delete(name);
      this.#tellAll(`* ${name} has left`);
    }
  }

  #tellAll(line: string): void {
    for (const lines of this.#members.values()) {
      try {
        lines.putNowait(line);
      } catch (error) {
        if (!(error instanceof QueueFull)) throw error;
        lines.shutdown(true);
      }
    }
  }
}

/** Joins a room: connects, upgrades the connection, and gives a name. */
export async function join(
  host: string,
  port: number,
  name: string,
  context: SSLContext,
): Promise<[reader: StreamReader, writer: StreamWriter]> {
  const [reader, writer] = await openConnection(host, port);
  try {
    await readLine(reader);
    await say(writer, "STARTTLS");
    if (await readLine(reader) !== "go ahead") throw new Left("no TLS there");
    await writer.startTls(context, { serverHostname: host });
    await readLine(reader);
    await say(writer, name);
  } catch (error) {
    writer.close();
    throw error;
  }
  return [reader, writer];
}

/** Serves until it is cancelled. */
export async function serve(
  port: number,
  cert: string,
  key: string,
): Promise<void> {
  const room = new Room(new SSLContext("server", { cert, key }));
  await using server = await startServer(room.serve, "127.0.0.1", port);
  console.log(`listening on ${server.port}`);
  await server.serveForever();
}

/** Sends the lines of the standard input, and shows what the others say. */
export async function talk(
  host: string,
  port: number,
  name: string,
  ca: string,
): Promise<void> {
  const context = createDefaultContext("serverAuth", { ca });
  const [reader, writer] = await join(host, port, name, context);
  await using _closed = writer;
  const [input, output] = await openStdio();
  await new TaskGroup().with(async (group) => {
    const typing = group.createTask(async () => {
      for await (const line of input) {
        writer.write(line);
        await writer.drain();
      }
      // The end of the input is the end of the visit.
      writer.close();
    });
    for await (const line of reader) {
      output.write(line);
      await output.drain();
    }
    typing.cancel();
  });
}

if (isMain(import.meta)) {
  const [what, ...rest] = args;
  if (what === "serve") {
    const [port = "7000", cert = "server.pem", key = "server.key"] = rest;
    await run(() => serve(Number(port), cert, key));
  } else if (what === "join") {
    const [host = "localhost", port = "7000", name = "me", ca = "ca.pem"] =
      rest;
    await run(() => talk(host, Number(port), name, ca));
  } else console.log("serve PORT CERT KEY, or join HOST PORT NAME CA");
}
