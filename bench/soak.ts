// deno-lint-ignore-file no-console
/**
 * A long run over many connections that are treated badly: `soak.ts [REQUESTS]`, on Deno
 * and on Bun. Clients send messages to echo servers by streams and by both kinds of
 * protocols, and check each byte that comes back by its place in the connection, while
 * the dice half-close, reset, read slowly and cancel. Exits with 1 if a byte was lost,
 * doubled or changed, anything is left open, or memory has grown.
 *
 * @module
 */
import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import {
  allTasks,
  BufferedProtocol,
  CancelledError,
  ConnectionError,
  type Coro,
  createTask,
  gather,
  getRunningLoop,
  openConnection,
  Protocol,
  run,
  type Server,
  sleep,
  startServer,
  type StreamReader,
  type StreamWriter,
  type Task,
  TimeoutError,
  type Transport,
  waitFor,
} from "../mod.ts";

const HOST = "127.0.0.1";
const MB = 1e6;
/** The bytes of a connection repeat after so many: a prime, no size is near. */
const PERIOD = 65521;
const LONGEST = 200_000;
/** Milliseconds without a request after which something hangs. */
const STILL = 10_000;

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let x = seed >>> 0;
  return (sides) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor(x / 2 ** 32 * sides);
  };
}

type Roll = ReturnType<typeof dice>;

/** What the bytes of every connection are cut from. */
const BYTES: Uint8Array<ArrayBuffer> = (() => {
  const roll = dice(7);
  const bytes = new Uint8Array(PERIOD + LONGEST);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = i < PERIOD ? roll(256) : bytes[i - PERIOD]!;
  }
  return bytes;
})();

/** The bytes of a connection from a place on. */
function bytesAt(place: number, count: number): Uint8Array {
  const at = place % PERIOD;
  return BYTES.subarray(at, at + count);
}

function check(data: Uint8Array, place: number): void {
  const want = bytesAt(place, data.length);
  for (let i = 0; i < data.length; i++) {
    if (data[i] === want[i]) continue;
    throw new Error(`byte ${place + i} of a connection came back as another`);
  }
}

/** How often what was done. */
interface Counts {
  requests: number;
  connections: number;
  halfCloses: number;
  resets: number;
  serverResets: number;
  slow: number;
  cancels: number;
  drainCancels: number;
  requestCancels: number;
  lateConnects: number;
  bytes: number;
}

/** What the run came to. */
export interface SoakReport extends Counts {
  /** What was found wrong; nothing in a good run. */
  readonly wrong: readonly string[];
  readonly seconds: number;
  /** Resident megabytes after a quarter of the run, and later. */
  readonly resident: readonly number[];
  /** Megabytes of the heap in use at the same times. */
  readonly heap: readonly number[];
}

/** Options of {@linkcode soak}. */
export interface SoakOptions {
  /** How many requests. */
  readonly requests: number;
  /** How many connections at a time. */
  readonly connections?: number;
  /** What the dice begin with. */
  readonly seed?: number;
}

class Soak {
  readonly counts: Counts = {
    requests: 0,
    connections: 0,
    halfCloses: 0,
    resets: 0,
    serverResets: 0,
    slow: 0,
    cancels: 0,
    drainCancels: 0,
    requestCancels: 0,
    lateConnects: 0,
    bytes: 0,
  };
  readonly wrong: string[] = [];
  /** Connections that the server has, by kind. */
  open = 0;
  readonly roll: Roll;
  /** The ports of clients that the server has reset. */
  readonly doomed: Set<number> = new Set();
  /** Those of clients. */
  readonly clients: Set<Client> = new Set();
  #left: number;
  readonly #total: number;
  readonly resident: number[] = [];
  readonly heap: number[] = [];

  constructor(requests: number, seed: number) {
    this.#left = this.#total = requests;
    this.roll = dice(seed);
  }

  /** Whether there is one more request to be made. */
  take(): boolean {
    if (this.#left === 0) return false;
    const done = this.#total - this.#left--;
    this.counts.requests++;
    // Sixteen looks, the first when a quarter is over.
    const step = Math.max(1, Math.floor(this.#total * 3 / 64));
    if (done >= this.#total / 4 && done % step === 0) this.#weigh();
    return true;
  }

  get over(): boolean {
    return this.#left === 0;
  }

  #weigh(): void {
    const { rss, heapUsed } = process.memoryUsage();
    this.resident.push(Math.round(rss / MB));
    this.heap.push(Math.round(heapUsed / MB));
  }

  /** Resets the connection at one of many chunks. */
  serverResets(transport: Transport): boolean {
    if (this.roll(1500) > 0) return false;
    this.counts.serverResets++;
    this.doomed.add(
      (transport.getExtraInfo("peername") as [string, number])[1],
    );
    transport.abort();
    return true;
  }

  /** Part of most messages, a few large ones. */
  size(): number {
    const kind = this.roll(100);
    return 1 + this.roll(kind < 90 ? 2048 : kind < 99 ? 16384 : LONGEST);
  }
}

/** Stops reading while what it sends back is not taken. */
class Echo extends Protocol {
  readonly #soak: Soak;
  #transport!: Transport;

  constructor(soak: Soak) {
    super();
    this.#soak = soak;
  }

  override connectionMade(transport: Transport): void {
    this.#soak.open++;
    this.#transport = transport;
  }

  override dataReceived(data: Uint8Array): void {
    if (this.#soak.serverResets(this.#transport)) return;
    this.#transport.write(data);
  }

  override pauseWriting(): void {
    this.#transport.pauseReading();
  }

  override resumeWriting(): void {
    this.#transport.resumeReading();
  }

  override connectionLost(): void {
    this.#soak.open--;
  }
}

/** The same in one buffer, so that it reads nothing while that is being sent. */
class BufferedEcho extends BufferedProtocol {
  readonly #soak: Soak;
  #transport!: Transport;
  readonly #buffer = new Uint8Array(32768);

  constructor(soak: Soak) {
    super();
    this.#soak = soak;
  }

  override connectionMade(transport: Transport): void {
    this.#soak.open++;
    this.#transport = transport;
    transport.setWriteBufferLimits(0, 0);
  }

  override getBuffer(): Uint8Array {
    return this.#buffer;
  }

  override bufferUpdated(count: number): void {
    if (this.#soak.serverResets(this.#transport)) return;
    this.#transport.write(this.#buffer.subarray(0, count));
  }

  override pauseWriting(): void {
    this.#transport.pauseReading();
  }

  override resumeWriting(): void {
    this.#transport.resumeReading();
  }

  override connectionLost(): void {
    this.#soak.open--;
  }
}

function streamEcho(soak: Soak) {
  return async (reader: StreamReader, writer: StreamWriter): Promise<void> => {
    soak.open++;
    try {
      for (;;) {
        const data = await reader.read(65536);
        if (data.length === 0) break;
        if (soak.serverResets(writer.transport as Transport)) break;
        writer.write(data);
        await writer.drain();
      }
      writer.close();
      await writer.waitClosed();
    } catch (error) {
      // A reset that the client or the dice asked for.
      if (!(error instanceof ConnectionError)) throw error;
    } finally {
      soak.open--;
    }
  };
}

/** Cancels a task and waits for it: whether it has ended by that. */
function* cancelled(task: Task<void>): Coro<boolean> {
  const asked = task.cancel();
  try {
    yield* task;
    return false;
  } catch (error) {
    if (!asked || !(error instanceof CancelledError)) throw error;
    return true;
  }
}

/** A connection of a client, and its places. */
class Client {
  readonly #soak: Soak;
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  #sent = 0;
  #got = 0;
  /** What a slow reader has still to send. */
  #owed = 0;
  /** For a report of what stands still. */
  #doing = "nothing";

  constructor(soak: Soak, reader: StreamReader, writer: StreamWriter) {
    this.#soak = soak;
    this.#reader = reader;
    this.#writer = writer;
    this.#sent = this.#got = soak.roll(PERIOD);
  }

  toString(): string {
    return `${this.#doing} at ${this.#got} of ${this.#sent}, ` +
      `${this.#reader}, ${this.#writer}`;
  }

  #write(count: number): void {
    this.#writer.write(bytesAt(this.#sent, count));
    this.#sent += count;
    this.#soak.counts.bytes += count;
  }

  #take(data: Uint8Array): void {
    check(data, this.#got);
    this.#got += data.length;
  }

  /** A message there and back. */
  *request(): Coro<void> {
    const size = this.#soak.size();
    this.#doing = `request of ${size}`;
    this.#write(size);
    yield* this.#writer.drain();
    const how = this.#soak.roll(20);
    if (how === 0) yield* this.#readCancelled(size);
    else if (how === 1) {
      // As it comes, in pieces.
      let left = size;
      while (left > 0) {
        const data = yield* this.#reader.read(left);
        if (data.length === 0) throw new Error("the stream ended too early");
        this.#take(data);
        left -= data.length;
      }
    } else this.#take(yield* this.#reader.readExactly(size));
  }

  /** Cancels the read of a message, as often as the dice say, and reads again. */
  *#readCancelled(size: number): Coro<void> {
    for (let tries = 1 + this.#soak.roll(3); tries > 0; tries--) {
      const task = createTask(this.#reader.readExactly(size));
      try {
        yield* sleep(this.#soak.roll(2) / 1000);
      } catch (error) {
        // The request itself is cancelled.
        yield* task.cancelAndWait();
        throw error;
      }
      const cancelled = task.cancel();
      try {
        return this.#take(yield* task);
      } catch (error) {
        if (!cancelled || !(error instanceof CancelledError)) throw error;
        this.#soak.counts.cancels++;
      }
    }
    this.#take(yield* this.#reader.readExactly(size));
  }

  /** Sends much and takes nothing for a while. */
  *slow(): Coro<void> {
    const cancels = this.#soak.roll(2) === 0;
    // Some of them more than the system's own buffers take; each until a drain that
    // had to wait for that was cancelled, so that a short run has one, too.
    const sure = cancels && this.#soak.counts.drainCancels === 0;
    const much = sure || this.#soak.roll(5) === 0 ? 40 : 1;
    const size = this.#soak.size() * 4 + LONGEST * much;
    this.#doing = `slow reading of ${size}`;
    this.#soak.counts.slow++;
    this.#owed = size;
    let sending = createTask(this.#send());
    try {
      if (cancels) {
        yield* sleep(this.#soak.roll(2) / 1000);
        // What was written before the drain stays written.
        if (yield* cancelled(sending)) this.#soak.counts.drainCancels++;
        sending = createTask(this.#send());
      }
      yield* sleep((5 + this.#soak.roll(20)) / 1000);
      for (let left = size; left > 0;) {
        const count = Math.min(left, 1 + this.#soak.roll(30000));
        this.#take(yield* this.#reader.readExactly(count));
        left -= count;
      }
      yield* sending;
    } finally {
      if (!sending.done()) yield* sending.cancelAndWait();
      else if (!sending.cancelled()) sending.exception();
    }
  }

  *#send(): Coro<void> {
    while (this.#owed > 0) {
      const count = Math.min(this.#owed, LONGEST);
      this.#owed -= count;
      this.#write(count);
      // Not each time: what is buffered is then sent in more than one go.
      if (this.#owed === 0 || this.#soak.roll(8) === 0) {
        yield* this.#writer.drain();
      }
    }
  }

  /** Ends the connection in one of the ways there are. */
  *end(): Coro<void> {
    const writer = this.#writer;
    const how = this.#soak.roll(4);
    this.#doing = `end ${how}`;
    if (how === 0) {
      // With a message on its way, which is lost.
      this.#soak.counts.resets++;
      this.#write(this.#soak.size());
      (writer.transport as Transport).abort();
    } else if (how === 1) {
      this.#soak.counts.halfCloses++;
      const size = this.#soak.size();
      this.#write(size);
      writer.writeEof();
      const rest = yield* this.#reader.read();
      if (rest.length !== size) {
        throw new Error(`${rest.length} of the last ${size} bytes came back`);
      }
      this.#take(rest);
    } else if (how === 2) {
      // What of the answer has come, or is still to come, is nobody's.
      const task = createTask(this.request());
      yield* sleep(this.#soak.roll(2) / 1000);
      if (yield* cancelled(task)) this.#soak.counts.requestCancels++;
    }
    yield* this.close();
  }

  *close(): Coro<void> {
    this.#writer.close();
    try {
      yield* this.#writer.waitClosed();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
  }

  /** Whether the server has reset it. */
  get doomed(): boolean {
    const name = this.#writer.getExtraInfo("sockname") as [string, number];
    return this.#soak.doomed.delete(name[1]);
  }
}

/** Connects, sometimes too late. */
function* connect(
  soak: Soak,
  port: number,
): Coro<[StreamReader, StreamWriter] | null> {
  if (soak.roll(50) > 0) return yield* openConnection(HOST, port);
  try {
    const [reader, writer] = yield* waitFor(
      openConnection(HOST, port),
      soak.roll(10) / 10_000,
    );
    return [reader, writer];
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    soak.counts.lateConnects++;
    return null;
  }
}

/** One connection after the other, until all requests are made. */
function* client(soak: Soak, ports: readonly number[]): Coro<void> {
  const { roll } = soak;
  while (!soak.over) {
    const pair = yield* connect(soak, ports[roll(ports.length)]!);
    if (pair === null) continue;
    soak.counts.connections++;
    const connection = new Client(soak, ...pair);
    soak.clients.add(connection);
    try {
      for (let left = 1 + roll(250); left > 0 && soak.take(); left--) {
        if (roll(500) === 0) yield* connection.slow();
        else yield* connection.request();
      }
      yield* connection.end();
    } catch (error) {
      // What the server did: it says so by a reset, or only ends the stream.
      const doomed = connection.doomed;
      yield* connection.close();
      if (!doomed) soak.wrong.push(String(error));
      if (soak.wrong.length > 10) return;
    } finally {
      soak.clients.delete(connection);
    }
  }
}

function portOf(server: Server): number {
  return (server.sockets[0]!.getSockName() as [string, number])[1];
}

/** How many sockets the process has; runtimes open other files when they like. */
function sockets(): number {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    return 0;
  }
  return names.filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;
}

function* soaking(soak: Soak, connections: number): Coro<void> {
  const loop = getRunningLoop();
  loop.setExceptionHandler((_, { message, exception }) => {
    soak.wrong.push(`the loop reported: ${message}: ${exception}`);
  });
  const options = { backlog: 511 };
  const servers: Server[] = [
    yield* startServer(streamEcho(soak), HOST, 0, options),
    yield* loop.createServer(() => new Echo(soak), HOST, 0, options),
    yield* loop.createServer(() => new BufferedEcho(soak), HOST, 0, options),
  ];
  const ports = servers.map(portOf);
  const clients = Array.from(
    { length: connections },
    () => createTask(client(soak, ports)),
  );
  yield* gather(clients);
  for (const server of servers) server.close();
  for (const server of servers) yield* server.waitClosed();
  // Server tasks that waited for their connection's end take one turn more.
  for (let i = 0; i < 100 && allTasks().size > 1; i++) yield* sleep(0.01);
  const tasks = allTasks().size - 1;
  if (tasks > 0) soak.wrong.push(`${tasks} tasks are left`);
  if (soak.open > 0) soak.wrong.push(`${soak.open} connections are left`);
  const { _transports: transports } = loop as unknown as {
    readonly _transports: ReadonlySet<unknown>;
  };
  if (transports.size > 0) {
    soak.wrong.push(`${transports.size} transports are left`);
  }
}

/**
 * Runs it.
 * @param options See {@linkcode SoakOptions}.
 * @returns What it came to.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { requests, connections = 200, seed = 1 } = options;
  // What a first connection sets up stays: it is no leak.
  await watched(new Soak(20, seed), 4);
  await settled();
  const before = sockets();
  const own = new Soak(requests, seed);
  const start = performance.now();
  await watched(own, connections);
  const seconds = (performance.now() - start) / 1000;
  await settled();
  const after = sockets();
  if (after > before) {
    own.wrong.push(`${after - before} sockets are left`);
  }
  const { counts, wrong, resident, heap } = own;
  return { ...counts, wrong, seconds, resident, heap };
}

/** Runs it; ends the process when nothing goes on any more, and says why. */
async function watched(soak: Soak, connections: number): Promise<void> {
  let last = -1;
  const id = setInterval(() => {
    const { requests } = soak.counts;
    if (requests !== last) {
      last = requests;
      return;
    }
    console.error(`WRONG nothing goes on after ${requests} requests`);
    for (const client of soak.clients) console.error(String(client));
    process.exit(1);
  }, STILL);
  try {
    await run(() => soaking(soak, connections));
  } finally {
    clearInterval(id);
  }
}

/** Lets the runtime close what was closed. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

/** Whether figures grow: the last quarter beside the first. */
function grows(figures: readonly number[]): boolean {
  const quarter = Math.ceil(figures.length / 4);
  const least = (part: readonly number[]) => Math.min(...part);
  const first = figures.slice(0, quarter);
  // The least of each: what garbage is there at the moment is no matter.
  return least(figures.slice(-quarter)) > Math.max(...first) * 1.15 + 16;
}

if (import.meta.main) {
  const report = await soak({ requests: Number(process.argv[2] ?? 1_000_000) });
  const { wrong, seconds, resident, heap, ...counts } = report;
  const faults = [
    ...wrong,
    ...grows(resident) ? ["resident memory grows"] : [],
    ...grows(heap) ? ["the heap grows"] : [],
  ];
  for (const [name, count] of Object.entries(counts)) {
    console.log(`${name.padEnd(16)}${count}`);
  }
  console.log(
    `${seconds.toFixed(1)} s, ` +
      `${(seconds / counts.requests * 1e6).toFixed(1)} us per request`,
  );
  console.log(`resident MB   ${resident.join(" ")}`);
  console.log(`heap MB       ${heap.join(" ")}`);
  for (const fault of faults) console.log(`WRONG ${fault}`);
  console.log(faults.length === 0 ? "nothing lost, nothing left" : "failed");
  process.exitCode = faults.length === 0 ? 0 : 1;
}
