/** Which signals a system has. */

import { builtin, host } from "./host.ts";

/** The signals of Windows, as its C library numbers them. */
const WINDOWS: Readonly<Record<string, number>> = {
  SIGINT: 2,
  SIGILL: 4,
  SIGFPE: 8,
  SIGSEGV: 11,
  SIGTERM: 15,
  SIGBREAK: 21,
  SIGABRT: 22,
};

/** The numbers that POSIX lays down, for where there is no system to be asked. */
const POSIX: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** Linux has more than node:os lists: an old name, and the realtime signals. */
const LINUX: Readonly<Record<string, number>> = {
  SIGCLD: 17,
  SIGRTMIN: 34,
  SIGRTMAX: 64,
};

/** The signals of one system. */
export class SignalNumbers {
  readonly #byName: Map<string, number>;
  readonly #byNumber: Map<number, string> = new Map();

  constructor(byName: Readonly<Record<string, number>>) {
    this.#byName = new Map(Object.entries(byName));
    for (const [name, number] of this.#byName) {
      // The first name of several is the usual one.
      if (!this.#byNumber.has(number)) this.#byNumber.set(number, name);
    }
    const last = this.#byName.get("SIGRTMAX") ?? 0;
    const first = this.#byName.get("SIGRTMIN") ?? 0;
    for (let number = first + 1; number < last; number++) {
      this.#byNumber.set(number, `SIGRTMIN+${number - first}`);
    }
  }

  /** The number of a signal; undefined where the system has none of that name. */
  numberOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  /** The usual name of a signal; undefined where the system has none such. */
  nameOf(number: number): string | undefined {
    return this.#byNumber.get(number);
  }

  /** The usual names of all signals, by number. */
  names(): string[] {
    return [...this.#byNumber].sort(([a], [b]) => a - b).map(([, name]) =>
      name
    );
  }
}

const known = new Map<string, SignalNumbers>();

/**
 * The signals of a system.
 *
 * @param os Its name, as Node names it.
 * @returns The signals: those of Windows for "win32", else this system's own.
 */
export function signalNumbers(os: string): SignalNumbers {
  let numbers = known.get(os);
  if (numbers === undefined) {
    known.set(os, numbers = new SignalNumbers(listOf(os)));
  }
  return numbers;
}

function listOf(os: string): Readonly<Record<string, number>> {
  if (os === "win32") return WINDOWS;
  const signals = builtin<
    { constants: { signals: Record<string, number> } }
  >("node:os")?.constants.signals ?? POSIX;
  return os === "linux" && host.process?.platform === "linux"
    ? { ...signals, ...LINUX }
    : signals;
}
