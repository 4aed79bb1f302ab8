/**
 * Random numbers that are the same everywhere, and seeds: a number, or the token that
 * a failed search prints.
 */

/** Changes whenever a seed would lead to another schedule than before. */
export const SEED_VERSION = 1;

/** A place in a schedule where not the first of those ready went on. */
export interface Deviation {
  /** Which decision it is, from 0. */
  readonly at: number;
  /** How many of those that could have gone on were passed over. */
  readonly choice: number;
}

/** What a seed says. */
export interface Seed {
  /** Starts the random numbers. */
  readonly random: number;
  /** The schedule; null for a random one. */
  readonly schedule: readonly Deviation[] | null;
}

/**
 * Random numbers from a seed: the same on every runtime, for tests alone. A 32-bit
 * generator of Weyl steps with a mixing function.
 */
export class Random {
  #state: number;
  /** How many numbers were taken. */
  draws = 0;

  /**
   * Starts a sequence.
   *
   * @param seed Any integer.
   */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next number, at least 0 and below 1. */
  next(): number {
    this.draws++;
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x1_0000_0000;
  }

  /**
   * A whole number.
   *
   * @param below What it is below; it is at least 0.
   */
  integer(below: number): number {
    return Math.floor(this.next() * below);
  }

  /**
   * A number in a range.
   *
   * @param from The least.
   * @param to What it is below.
   */
  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /**
   * Whether something happens.
   *
   * @param probability From 0 to 1; where it is 0 no number is taken.
   */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }
}

/** The seed of a run of a search. */
export function derive(seed: number, run: number): number {
  const random = new Random((seed ^ Math.imul(run, 0x85ebca6b)) >>> 0);
  return Math.floor(random.next() * 0x1_0000_0000);
}

/** Writes a seed as `runTest` takes it: "1:kf3x:4.1-9.2". */
export function formatSeed(seed: Seed): string {
  const parts = [String(SEED_VERSION), seed.random.toString(36)];
  if (seed.schedule !== null) {
    parts.push(seed.schedule.map((d) => `${d.at}.${d.choice}`).join("-"));
  }
  return parts.join(":");
}

/**
 * Reads a seed.
 *
 * @throws RangeError When it is of another version or no seed.
 */
export function parseSeed(seed: number | string): Seed {
  if (typeof seed === "number") {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(
        `Cannot use ${seed} as a seed: a whole number from 0 is needed, or the ` +
          "text that explore() printed",
      );
    }
    return { random: seed % 0x1_0000_0000, schedule: null };
  }
  if (typeof seed !== "string") {
    throw new TypeError(
      `Cannot use ${typeof seed} as a seed: a number or a string is needed`,
    );
  }
  const found = /^(\d+):([0-9a-z]+)(?::((?:\d+\.\d+(?:-\d+\.\d+)*)?))?$/
    .exec(seed);
  if (found === null) {
    throw new RangeError(
      `Cannot read the seed "${seed}": it has to look like "${SEED_VERSION}:` +
        'kf3x:4.1", as explore() prints it',
    );
  }
  if (Number(found[1]) !== SEED_VERSION) {
    throw new RangeError(
      `Cannot replay the seed "${seed}": it is of version ${found[1]} of the ` +
        `schedules and this is version ${SEED_VERSION}; search again with ` +
        "explore()",
    );
  }
  const random = parseInt(found[2]!, 36);
  if (!(random < 0x1_0000_0000)) {
    throw new RangeError(`Cannot read the seed "${seed}": it is too large`);
  }
  const schedule = found[3] === undefined
    ? null
    : found[3] === ""
    ? []
    : found[3].split("-").map((part) => {
      const [at, choice] = part.split(".");
      return { at: Number(at), choice: Number(choice) };
    });
  return { random, schedule };
}
