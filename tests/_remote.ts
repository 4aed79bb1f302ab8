/** What the tests of ports have both sides do. */

import {
  checkCancelled,
  type Coro,
  loopPort,
  type ModuleFunctions,
  moduleFunctions,
  newEventLoop,
  OSError,
  RemoteLoop,
  RemoteQueue,
  sleep,
  TimeoutError,
  type Transfer,
  transfer,
} from "../mod.ts";

/** The functions below, as other threads name them. */
export const remote: ModuleFunctions<typeof import("./_remote.ts")> =
  moduleFunctions<typeof import("./_remote.ts")>(import.meta.url);

// On the loop.

/** What `note` was called with: of the module as the test's thread has it. */
export const notes: unknown[] = [];
/** How far `forever` has come. */
export const forever: string[] = [];

export function note(value: unknown): void {
  notes.push(value);
}

export async function double(n: number): Promise<number> {
  await sleep(0.001);
  return n * 2;
}

export function* triple(n: number): Coro<number> {
  yield* sleep(0.001);
  return n * 3;
}

export async function refuse(): Promise<never> {
  await sleep(0);
  throw OSError.from("ECONNREFUSED", "refused");
}

export async function never(): Promise<void> {
  forever.push("begun");
  try {
    await sleep(3600);
  } finally {
    forever.push("ended");
  }
}

export async function large(n: number): Promise<Uint8Array> {
  await sleep(0);
  return new Uint8Array(n);
}

/** The other ends of what `withPort` has sent. */
export const ends: MessagePort[] = [];

export async function withPort(): Promise<Transfer<MessagePort>> {
  await sleep(0);
  const { port1, port2 } = new MessageChannel();
  ends.push(port2);
  return transfer(port1, [port1]);
}

export function plain(): number {
  return 3;
}

export async function unsendable(): Promise<() => void> {
  await sleep(0);
  return () => {};
}

// In a worker.

function shown(error: unknown): string {
  const { name, message } = error as Error;
  return `${name}: ${message}`;
}

function attempt(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    return shown(error);
  }
}

export function noteMany(port: MessagePort, n: number): void {
  using loop = new RemoteLoop(port);
  for (let i = 0; i < n; i++) loop.callSoonThreadsafe(remote.note, i);
  // Behind them all.
  loop.runCoroutineThreadsafe(remote.double, 1).result();
}

export function noteBadly(port: MessagePort): unknown {
  using loop = new RemoteLoop(port);
  loop.callSoonThreadsafe(
    moduleFunctions<{ nothing(): void }>(import.meta.url).nothing,
  );
  const refused = attempt(() => loop.callSoonThreadsafe(remote.note, () => {}));
  loop.callSoonThreadsafe(remote.note, "after");
  loop.runCoroutineThreadsafe(remote.double, 1).result();
  return refused;
}

export function blocking(port: MessagePort): unknown[] {
  using loop = new RemoteLoop(port);
  const call = loop.runCoroutineThreadsafe(remote.double, 21);
  return [
    call.result(5),
    call.result(),
    call.done(),
    loop.runCoroutineThreadsafe(remote.triple, 2).result(5),
    attempt(() => loop.runCoroutineThreadsafe(remote.refuse).result(5)),
    attempt(() => loop.runCoroutineThreadsafe(remote.plain).result(5)),
    attempt(() => loop.runCoroutineThreadsafe(remote.unsendable).result(5)),
    attempt(() => loop.runCoroutineThreadsafe(remote.note, () => {}).result(5)),
  ];
}

export async function awaiting(port: MessagePort): Promise<unknown[]> {
  using loop = new RemoteLoop(port);
  const calls = [1, 2, 3].map((n) =>
    loop.runCoroutineThreadsafe(remote.double, n)
  );
  const results: unknown[] = await Promise.all(calls);
  results.push(
    await loop.runCoroutineThreadsafe(remote.refuse).then(() => 0, shown),
  );
  // Both ways at once.
  const slow = loop.runCoroutineThreadsafe(remote.double, 5);
  const later = slow.then((n) => n + 1);
  results.push(loop.runCoroutineThreadsafe(remote.double, 6).result(5));
  results.push(await later);
  return results;
}

export async function awaitingOnly(port: MessagePort): Promise<unknown[]> {
  using loop = new RemoteLoop(port);
  const ask = (error: unknown) => shown(error).split(": ", 2).join(": ");
  return [
    await loop.runCoroutineThreadsafe(remote.double, 1),
    await loop.runCoroutineThreadsafe(remote.triple, 2),
    await loop.runCoroutineThreadsafe(remote.refuse).then(() => 0, shown),
    await loop.runCoroutineThreadsafe(remote.unsendable).then(() => 0, ask),
  ];
}

export function tryToBlock(port: MessagePort): unknown {
  using loop = new RemoteLoop(port);
  return attempt(() => loop.runCoroutineThreadsafe(remote.double, 1).result());
}

export function tryToGet(port: MessagePort): unknown {
  using queue = new RemoteQueue<number>(port);
  return attempt(() => queue.getBlocking(0));
}

export async function outliveAwaiting(port: MessagePort): Promise<unknown> {
  const loop = new RemoteLoop(port);
  return await loop.runCoroutineThreadsafe(remote.never).then(() => 0, shown);
}

/** Blocks for results that are large, and one that has a port. */
export function blockForMuch(port: MessagePort): unknown[] {
  using loop = new RemoteLoop(port);
  const large = loop.runCoroutineThreadsafe(remote.large, 500_000);
  const results: unknown[] = [large.result(10).length];
  const apart = loop.runCoroutineThreadsafe(remote.withPort);
  results.push(attempt(() => apart.result(10) instanceof MessagePort));
  return results;
}

export async function awaitPort(port: MessagePort): Promise<boolean> {
  using loop = new RemoteLoop(port);
  const got = await loop.runCoroutineThreadsafe(remote.withPort);
  got.close();
  return got instanceof MessagePort;
}

/** Asks a loop only once it is told to. */
export async function askLate(
  port: MessagePort,
  cell: Int32Array<SharedArrayBuffer>,
  blocks: boolean,
): Promise<unknown> {
  Atomics.wait(cell, 0, 0);
  using loop = new RemoteLoop(port);
  const call = loop.runCoroutineThreadsafe(remote.double, 1);
  if (blocks) return attempt(() => call.result(5));
  return await call.then(() => 0, shown);
}

/** Asks a loop, says so in a cell, and waits for the answer. */
export async function askNow(
  port: MessagePort,
  cell: Int32Array<SharedArrayBuffer>,
  blocks: boolean,
): Promise<unknown> {
  using loop = new RemoteLoop(port);
  const call = loop.runCoroutineThreadsafe(remote.double, 1);
  Atomics.store(cell, 0, 1);
  if (blocks) return attempt(() => call.result(5));
  return await call.then(() => 0, shown);
}

/** Asks for more than is written at once, and takes none of it. */
export function leaveMuch(
  port: MessagePort,
  cell: Int32Array<SharedArrayBuffer>,
): void {
  const loop = new RemoteLoop(port);
  loop.runCoroutineThreadsafe(remote.large, 500_000);
  loop.runCoroutineThreadsafe(remote.never);
  for (;;) {
    Atomics.wait(cell, 1, 0, 20);
    checkCancelled();
  }
}

/** Takes an item, blocking or not; a port is closed. */
export async function takeOne(
  port: MessagePort,
  blocks: boolean,
): Promise<unknown> {
  using queue = new RemoteQueue<unknown>(port);
  const item = blocks
    ? attempt(() => queue.getBlocking(5))
    : await queue.get().then(null, shown);
  if (!(item instanceof MessagePort)) return item;
  item.close();
  return "a port";
}

/** A loop in this thread, for another one. */
export function loopHere(): Transfer<MessagePort> {
  const loop = newEventLoop();
  void loop.runForever();
  const port = loopPort(loop);
  return transfer(port, [port]);
}

export function impatient(port: MessagePort): unknown[] {
  using loop = new RemoteLoop(port);
  const call = loop.runCoroutineThreadsafe(remote.never);
  const late = attempt(() => call.result(0.05));
  const first = [late, call.done(), call.cancel(), call.cancel()];
  const cancelled = attempt(() => call.result());
  // In order: what was asked for before has been done.
  loop.runCoroutineThreadsafe(remote.double, 1).result();
  return [...first, call.cancelled(), cancelled];
}

/** Waits for a loop that is closed meanwhile; says so in a cell. */
export function outlive(
  port: MessagePort,
  cell: Int32Array<SharedArrayBuffer>,
): unknown[] {
  const loop = new RemoteLoop(port);
  const call = loop.runCoroutineThreadsafe(remote.never);
  Atomics.store(cell, 0, 1);
  const error = attempt(() => call.result());
  return [error, attempt(() => loop.callSoonThreadsafe(remote.note, 1))];
}

export function abandon(port: MessagePort): void {
  new RemoteLoop(port).runCoroutineThreadsafe(remote.never).result();
}

export function useClosed(port: MessagePort): unknown {
  const loop = new RemoteLoop(port);
  loop.close();
  loop.close();
  return attempt(() => loop.callSoonThreadsafe(remote.note, 1));
}

export function notPort(): unknown {
  return attempt(() => new RemoteLoop({} as MessagePort));
}

// Queues.

export function sumAll(port: MessagePort): number {
  using queue = new RemoteQueue<number>(port);
  let sum = 0;
  for (const n of queue) {
    sum += n;
    queue.taskDone();
  }
  return sum;
}

export async function sumAllAsync(port: MessagePort): Promise<number> {
  using queue = new RemoteQueue<number>(port);
  let sum = 0;
  for await (const n of queue) sum += n;
  return sum;
}

export function produce(port: MessagePort, from: number, to: number): void {
  using queue = new RemoteQueue<number>(port);
  for (let n = from; n < to; n++) queue.putBlocking(n);
}

export async function produceAsync(
  port: MessagePort,
  from: number,
  to: number,
): Promise<void> {
  using queue = new RemoteQueue<number>(port);
  for (let n = from; n < to; n++) await queue.put(n);
  await queue.join();
}

export function getLate(port: MessagePort): unknown[] {
  using queue = new RemoteQueue<string>(port);
  const late = [
    attempt(() => queue.getBlocking(0.02)),
    attempt(() => queue.getBlocking(0)),
  ];
  queue.putBlocking("item");
  const full = attempt(() => queue.putBlocking("second", 0.02));
  return [
    ...late,
    full,
    queue.qsize(),
    queue.getBlocking(1),
    queue.qsize(),
  ];
}

export function isTimeout(error: unknown): boolean {
  return error instanceof TimeoutError;
}

/** Takes with next to no patience, many times; returns what it got. */
export function nibble(port: MessagePort, rounds: number): number[] {
  using queue = new RemoteQueue<number>(port);
  const got: number[] = [];
  for (let i = 0; i < rounds; i++) {
    try {
      got.push(queue.getBlocking(0.0002));
    } catch (error) {
      if (!isTimeout(error)) throw error;
    }
  }
  return got;
}

export function takeForever(
  port: MessagePort,
  cell: Int32Array<SharedArrayBuffer>,
): string {
  const queue = new RemoteQueue<string>(port);
  Atomics.store(cell, 0, 1);
  return queue.getBlocking();
}

export function shutDown(port: MessagePort): unknown[] {
  using queue = new RemoteQueue<string>(port);
  queue.shutdown();
  return [
    attempt(() => queue.getBlocking(1)),
    attempt(() => queue.putBlocking("x", 1)),
  ];
}
