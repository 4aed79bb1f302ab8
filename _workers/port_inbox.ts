/** How the answers of another thread's loop are taken. */

import { held } from "../_platform/host.ts";
import { mayBlock, receiver } from "../_platform/thread_facts.ts";
import { makeRing, ringOf, RingReader } from "./ring_reader.ts";
import {
  type Answer,
  CLOSED,
  COUNT,
  type Hello,
  OVER,
  PORT_CELLS,
  tellMore,
} from "./port_words.ts";
import { sharedCells } from "./worker_state.ts";

/** How often, in milliseconds, it is looked where nothing tells of a change. */
const LOOK_MS = 4;
/**
 * The same until the first answer: a loop that is closed before it hears of the shared
 * memory cannot tell of its end there.
 */
const FIRST_LOOK_MS = 50;

// Taken once: fake timers that a test installs later must not reach in here.
const setTimeout = held("setTimeout");

/** Takes answers. */
export interface Inbox {
  /** What the other end is told. */
  readonly hello: Hello;
  /** Takes an answer, if one has come. */
  take(): Answer | undefined;
  /** Whether there will be no more than have come. */
  isOver(): boolean;
  /** A number that is another one once something has come. */
  count(): number;
  /** Waits for the number to be another one; null where that is not possible. */
  readonly block: ((seen: number, ms: number) => void) | null;
  /** The same without blocking. */
  change(seen: number): PromiseLike<unknown> | null;
  /** Has those that wait look once more. */
  wake(): void;
}

/** Told of answers by shared memory. */
class SharedInbox implements Inbox {
  readonly hello: Hello;
  readonly block: Inbox["block"];
  readonly #take: Inbox["take"];
  readonly #cells: Int32Array<SharedArrayBuffer>;
  #over = false;
  /** Whether the other end knows of the cells. */
  #known = false;

  constructor(
    hello: Hello,
    cells: Int32Array<SharedArrayBuffer>,
    take: Inbox["take"],
  ) {
    this.hello = hello;
    this.#cells = cells;
    this.#take = take;
    this.block = mayBlock()
      ? (seen, ms) => {
        const most = this.#known ? ms : Math.min(ms, FIRST_LOOK_MS);
        Atomics.wait(cells, COUNT, seen, most);
      }
      : null;
  }

  take(): Answer | undefined {
    const answer = this.#take();
    if (answer === undefined) return undefined;
    if (answer[1] === OVER) {
      this.#over = true;
      return undefined;
    }
    this.#known = true;
    return answer;
  }

  isOver(): boolean {
    return this.#over || Atomics.load(this.#cells, CLOSED) !== 0;
  }

  count(): number {
    return Atomics.load(this.#cells, COUNT);
  }

  /**
   * Not by listening: what the host has taken from the port but not yet handed over
   * would be missed by whoever blocks meanwhile.
   */
  change(seen: number): PromiseLike<unknown> | null {
    // Firefox has it from 145 on.
    if (typeof Atomics.waitAsync !== "function") {
      return new Promise((resolve) => setTimeout()(resolve, LOOK_MS));
    }
    const most = this.#known ? Infinity : FIRST_LOOK_MS;
    const { async, value } = Atomics.waitAsync(this.#cells, COUNT, seen, most);
    return async ? value : null;
  }

  wake(): void {
    Atomics.notify(this.#cells, COUNT);
  }
}

/** Gets answers as messages, where there is no shared memory. */
class ListeningInbox implements Inbox {
  readonly hello: Hello = { cells: null, ring: null };
  readonly block = null;
  readonly #answers: Answer[] = [];
  #count = 0;
  #over = false;
  #changed: (() => void) | null = null;

  constructor(port: MessagePort) {
    port.onmessage = ({ data }) => {
      const answer = data as Answer;
      if (answer[1] === OVER) this.#over = true;
      else this.#answers.push(answer);
      this.wake();
    };
  }

  take(): Answer | undefined {
    return this.#answers.shift();
  }

  isOver(): boolean {
    return this.#over;
  }

  count(): number {
    return this.#count;
  }

  change(seen: number): PromiseLike<unknown> | null {
    if (seen !== this.#count) return null;
    return new Promise<void>((resolve) => this.#changed = resolve);
  }

  wake(): void {
    this.#count++;
    this.#changed?.();
    this.#changed = null;
  }
}

/** Answers in a ring, and as messages what cannot be written there. */
function ringInbox(port: MessagePort, hello: Hello): Inbox | null {
  const ring = ringOf(hello);
  if (ring === null) return null;
  const reader = new RingReader(port, ring);
  const apart: Answer[] = [];
  port.onmessage = ({ data }) => {
    apart.push(data as Answer);
    tellMore(ring.cells);
  };
  return new SharedInbox(
    hello,
    ring.cells,
    () => reader.take() ?? apart.shift(),
  );
}

/** The inbox that suits this runtime. */
export function openInbox(port: MessagePort): Inbox {
  const receive = receiver();
  if (receive === null) {
    const ring = makeRing();
    const inbox = ring === null ? null : ringInbox(port, ring);
    return inbox ?? new ListeningInbox(port);
  }
  const cells = sharedCells(PORT_CELLS)!;
  return new SharedInbox(
    { cells, ring: null },
    cells,
    () => receive(port)?.message as Answer | undefined,
  );
}
