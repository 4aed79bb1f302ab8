// deno-lint-ignore-file no-console
/**
 * What asyncio's own documentation shows of input and output, one function each:
 * streams, protocols, datagrams, processes, signals. They talk to servers of their
 * own.
 *
 *     deno run -A examples/tour_io.ts
 *     bun examples/tour_io.ts
 */
import {
  type BaseTransport,
  createSubprocessExec,
  createSubprocessShell,
  createTask,
  DatagramProtocol,
  type DatagramTransport,
  type Future,
  gather,
  getRunningLoop,
  openConnection,
  PIPE,
  Protocol,
  run,
  Socket,
  startServer,
  type StreamReader,
  type StreamWriter,
  SubprocessProtocol,
  type Transport,
} from "../mod.ts";
import { isMain } from "./_host.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A server on streams sends back what it gets; its client sends one line. */
export async function echoOnStreams(): Promise<void> {
  await using server = await startServer(
    async (reader: StreamReader, writer: StreamWriter) => {
      const data = await reader.read(100);
      const [host] = writer.getExtraInfo("peername") as [string, number];
      console.log(`  ${host} sent ${JSON.stringify(decoder.decode(data))}`);
      writer.write(data);
      await writer.drain();
      writer.close();
      await writer.waitClosed();
    },
    "127.0.0.1",
    0,
  );
  const [reader, writer] = await openConnection("127.0.0.1", server.port);
  writer.write(encoder.encode("over streams"));
  await writer.drain();
  console.log(`got ${decoder.decode(await reader.read(100))}`);
  writer.close();
  await writer.waitClosed();
}

/** The header lines that a web server answers with. */
export async function headers(host: string, port: number): Promise<string[]> {
  const [reader, writer] = await openConnection(host, port);
  await using _closed = writer;
  writer.write(encoder.encode(`HEAD / HTTP/1.0\r\nHost: ${host}\r\n\r\n`));
  const lines: string[] = [];
  for await (const line of reader) {
    const text = decoder.decode(line).trimEnd();
    if (text === "") break;
    lines.push(text);
  }
  return lines;
}

/** Asks a web server of its own. */
export async function headersOfAServer(): Promise<void> {
  await using server = await startServer(
    async (reader: StreamReader, writer: StreamWriter) => {
      await reader.readUntil(encoder.encode("\r\n\r\n"));
      writer.write(encoder.encode("HTTP/1.0 200 OK\r\nServer: tour\r\n\r\n"));
      writer.close();
    },
    "127.0.0.1",
    0,
  );
  console.log(await headers("127.0.0.1", server.port));
}

/** A server's side of the protocol: says everything back. */
class Echo extends Protocol {
  #transport!: Transport;

  override connectionMade(transport: BaseTransport): void {
    this.#transport = transport as Transport;
  }

  override dataReceived(data: Uint8Array): void {
    this.#transport.write(data);
    this.#transport.close();
  }
}

/** A client's side: says one thing, and keeps what comes back. */
class Ask extends Protocol {
  readonly #text: string;
  readonly #answer: Future<string>;
  #heard = "";

  constructor(text: string, answer: Future<string>) {
    super();
    this.#text = text;
    this.#answer = answer;
  }

  override connectionMade(transport: BaseTransport): void {
    (transport as Transport).write(encoder.encode(this.#text));
  }

  override dataReceived(data: Uint8Array): void {
    this.#heard += decoder.decode(data, { stream: true });
  }

  override connectionLost(error: unknown): void {
    if (error === null) this.#answer.setResult(this.#heard);
    else this.#answer.setException(error);
  }
}

/** The same with protocols: callbacks in place of awaits. */
export async function echoOnProtocols(): Promise<void> {
  const loop = getRunningLoop();
  await using server = await loop.createServer(
    () => new Echo(),
    "127.0.0.1",
    0,
  );
  const answer = loop.createFuture<string>();
  const [transport] = await loop.createConnection(
    () => new Ask("over protocols", answer),
    "127.0.0.1",
    server.port,
  );
  console.log(`got ${await answer}`);
  transport.close();
}

class EchoDatagrams extends DatagramProtocol {
  #transport!: DatagramTransport;

  override connectionMade(transport: BaseTransport): void {
    this.#transport = transport as DatagramTransport;
  }

  override datagramReceived(data: Uint8Array, address: unknown): void {
    this.#transport.sendTo(data, address);
  }
}

class AskByDatagram extends DatagramProtocol {
  readonly #text: string;
  readonly #answer: Future<string>;

  constructor(text: string, answer: Future<string>) {
    super();
    this.#text = text;
    this.#answer = answer;
  }

  override connectionMade(transport: BaseTransport): void {
    (transport as DatagramTransport).sendTo(encoder.encode(this.#text));
  }

  override datagramReceived(data: Uint8Array): void {
    this.#answer.setResult(decoder.decode(data));
  }
}

/** And with datagrams. */
export async function echoOnDatagrams(): Promise<void> {
  const loop = getRunningLoop();
  const [server] = await loop.createDatagramEndpoint(
    () => new EchoDatagrams(),
    ["127.0.0.1", 0],
  );
  const [, port] = server.getExtraInfo("sockname") as [string, number];
  const answer = loop.createFuture<string>();
  const [client] = await loop.createDatagramEndpoint(
    () => new AskByDatagram("over datagrams", answer),
    null,
    ["127.0.0.1", port],
  );
  try {
    console.log(`got ${await answer}`);
  } finally {
    client.close();
    server.close();
  }
}

/** Commands of the shell, side by side, and how they ended. */
export async function commands(): Promise<void> {
  const shell = async (command: string): Promise<string> => {
    const process = await createSubprocessShell(command, {
      stdout: PIPE,
      stderr: PIPE,
    });
    const [out, errors] = await process.communicate();
    const said = decoder.decode(out!) + decoder.decode(errors!);
    return `${command}: ${said.trim()} (${process.returncode})`;
  };
  const lines = await gather([
    () => shell("echo out"),
    () => shell("echo problem >&2; exit 2"),
  ]);
  for (const line of lines) console.log(line);
}

/** One line of a program's output. */
export async function firstLine(): Promise<void> {
  const process = await createSubprocessExec("echo", "the first line", {
    stdout: PIPE,
  });
  const line = await process.stdout!.readLine();
  await process.wait();
  console.log(decoder.decode(line).trimEnd());
}

/** Collects what a child says; it has ended when its pipes are closed, too. */
class Output extends SubprocessProtocol {
  readonly ended: Future<string>;
  readonly #closed: Set<"pipe" | "process"> = new Set();
  #text = "";

  constructor(ended: Future<string>) {
    super();
    this.ended = ended;
  }

  override pipeDataReceived(_fd: number, data: Uint8Array): void {
    this.#text += decoder.decode(data, { stream: true });
  }

  override pipeConnectionLost(): void {
    this.#close("pipe");
  }

  override processExited(): void {
    this.#close("process");
  }

  // Which of the two comes first is not defined.
  #close(what: "pipe" | "process"): void {
    if (this.#closed.add(what).size === 2) this.ended.setResult(this.#text);
  }
}

/** The same below the streams. */
export async function childByProtocol(): Promise<void> {
  const loop = getRunningLoop();
  const [transport, protocol] = await loop.subprocessExec(
    () => new Output(loop.createFuture<string>()),
    "echo",
    "by protocol",
    { stdin: null, stderr: null },
  );
  const text = await protocol.ended;
  transport.close();
  console.log(text.trimEnd());
}

/** A signal sets a future; here the program sends it to itself. */
export async function signals(): Promise<void> {
  const loop = getRunningLoop();
  const came = loop.createFuture<string>();
  loop.addSignalHandler(
    "SIGUSR1",
    (name: string) => came.setResult(name),
    "it",
  );
  try {
    const { process } = globalThis as unknown as {
      process: { pid: number; kill(pid: number, signal: string): void };
    };
    process.kill(process.pid, "SIGUSR1");
    console.log(`${await came} came`);
  } finally {
    loop.removeSignalHandler("SIGUSR1");
  }
}

/** A socket of one's own, watched by hand. */
export async function watchedSocket(): Promise<void> {
  const loop = getRunningLoop();
  await using server = await startServer(
    (_reader: StreamReader, writer: StreamWriter) => {
      writer.write(encoder.encode("look"));
      writer.close();
    },
    "127.0.0.1",
    0,
  );
  using socket = new Socket("inet");
  await loop.sockConnect(socket, ["127.0.0.1", server.port]);
  const readable = loop.createFuture<void>();
  loop.addReader(socket, () => {
    loop.removeReader(socket);
    readable.setResult(undefined);
  });
  await readable;
  console.log(decoder.decode(await loop.sockRecv(socket, 100)));
}

/** All of them. */
export async function main(): Promise<void> {
  const all = [
    ...[echoOnStreams, headersOfAServer, echoOnProtocols, echoOnDatagrams],
    ...[commands, firstLine, childByProtocol, signals, watchedSocket],
  ];
  for (const one of all) {
    console.log(`# ${one.name}`);
    await createTask(one, { name: one.name });
  }
}

if (isMain(import.meta)) await run(main);
