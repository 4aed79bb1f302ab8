/**
 * The child processes that were started here, by process id: what a watcher of
 * children may ask for, as it would ask the system with waitpid().
 *
 * The runtimes collect their own children, so that there is no zombie to wait for.
 * How a child ended is kept here until somebody has asked, as a zombie keeps it.
 */

import type { Child, Processes } from "./processes.ts";

/** How many ends are kept that nobody has asked for. */
const KEPT = 256;

/** What the table needs to know of a child. */
export type NotedChild = Pick<Child, "pid" | "onExit">;

/** Is told how a child ended. */
export type Told = (returncode: number) => void;

/** How a child fares: alive (null), ended (its return code), or unknown. */
export type ChildState = number | null | undefined;

/** A child that runs. */
class Note {
  /** Whether who started it is told of its end anyway. */
  owned = false;
  waiting: Told[] | null = null;
}

/** The children of this thread. */
export class ChildTable {
  readonly #alive: Map<number, Note> = new Map();
  /** Ends that nobody knows of, and ends that the owner was told of. */
  readonly #ended: Map<number, number> = new Map();
  readonly #told: Map<number, number> = new Map();
  readonly #listeners: Set<() => void> = new Set();

  /** Takes a child up, from its start until somebody has asked for its end. */
  note(child: NotedChild): void {
    const { pid } = child;
    const note = new Note();
    // The system gives the id of one that is gone to another.
    this.#ended.delete(pid);
    this.#told.delete(pid);
    this.#alive.set(pid, note);
    child.onExit((returncode) => {
      if (this.#alive.get(pid) !== note) return;
      this.#alive.delete(pid);
      if (note.waiting === null) {
        const kept = note.owned ? this.#told : this.#ended;
        kept.set(pid, returncode);
        if (kept.size > KEPT) takeFirst(kept);
      } else {
        for (const told of note.waiting) told(returncode);
      }
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /**
   * Who started a child is told of its end: others may ask for it, but it is none of
   * those that `pollAny` finds.
   */
  own(pid: number): void {
    const note = this.#alive.get(pid);
    if (note !== undefined) note.owned = true;
  }

  /**
   * Waits for one child.
   *
   * @param pid Its process id.
   * @param told Is told how it ended, once, not from inside the call.
   * @returns Whether there is such a child; nothing is told otherwise.
   */
  wait(pid: number, told: Told): boolean {
    const note = this.#alive.get(pid);
    if (note !== undefined) {
      if (note.waiting === null) note.waiting = [told];
      else note.waiting.push(told);
      return true;
    }
    const returncode = this.poll(pid);
    if (typeof returncode !== "number") return false;
    queueMicrotask(() => told(returncode));
    return true;
  }

  /**
   * Asks for one child; the answer that it has ended is given once.
   *
   * @param pid Its process id.
   * @returns How it fares.
   */
  poll(pid: number): ChildState {
    if (this.#alive.has(pid)) return null;
    const returncode = this.#ended.get(pid) ?? this.#told.get(pid);
    this.#ended.delete(pid);
    this.#told.delete(pid);
    return returncode;
  }

  /** Asks for the child that ended first; null where none has. */
  pollAny(): [pid: number, returncode: number] | null {
    return takeFirst(this.#ended);
  }

  /**
   * Calls a function whenever a child has ended, in no particular async context.
   *
   * @param listener The function.
   * @returns What ends that.
   */
  onEnd(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function takeFirst(
  ended: Map<number, number>,
): [pid: number, returncode: number] | null {
  for (const first of ended) {
    ended.delete(first[0]);
    return first;
  }
  return null;
}

/** The children of this thread. */
export const children: ChildTable = new ChildTable();

/** Child processes that are taken up in the table as they start. */
export function noted(processes: Processes): Processes {
  const { spawn } = processes;
  return {
    ...processes,
    spawn(options) {
      const child = spawn(options);
      children.note(child);
      const { onExit } = child;
      child.onExit = (told) => {
        children.own(child.pid);
        onExit.call(child, told);
      };
      return child;
    },
  };
}
