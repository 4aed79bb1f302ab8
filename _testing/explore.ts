/** The search for a schedule under which a test fails. */

import { ExploreError } from "./errors.ts";
import {
  Chooser,
  RandomChooser,
  ReplayChooser,
  SparseChooser,
} from "./order.ts";
import {
  derive,
  type Deviation,
  formatSeed,
  parseSeed,
  Random,
} from "./seed.ts";
import type { TestBody, TestOptions } from "./options.ts";
import { checkNested, runSession, Session } from "./session.ts";

/** Options of {@linkcode explore}: those of a test, and how to search. */
export interface ExploreOptions extends Omit<TestOptions, "seed" | "trace"> {
  /** How many runs at most; 1000 unless given. */
  runs?: number | undefined;
  /** Starts the search; another number searches other schedules. 0 unless given. */
  seed?: number | undefined;
  /**
   * In how many places a run departs from first come, first served; 3 unless given.
   * One run in four departs anywhere.
   */
  preemptions?: number | undefined;
}

/** How a search ended that found nothing. */
export interface ExploreResult {
  /** How many runs there were: fewer than asked for where there is only one way. */
  readonly runs: number;
  /** How many decisions the longest run had. */
  readonly decisions: number;
}

/** A run that failed. */
interface Failed {
  readonly error: unknown;
  readonly random: number;
  readonly deviations: readonly Deviation[];
}

/** Takes the first each time, and counts. */
class FirstChooser extends Chooser {
  protected override pick(): number {
    return 0;
  }
}

/** How many runs the search for a shorter schedule takes at most. */
const SHRINK_RUNS = 300;

/** The search for one test. */
export class Search<T> {
  readonly #body: TestBody<T>;
  readonly #options: ExploreOptions;
  readonly #seed: number;
  readonly #runs: number;
  readonly #bound: number;
  #horizon = 0;

  constructor(body: TestBody<T>, options: ExploreOptions) {
    this.#body = body;
    this.#options = options;
    this.#seed = parseSeed(options.seed ?? 0).random;
    this.#runs = count(options.runs ?? 1000, "runs");
    this.#bound = count(options.preemptions ?? 3, "preemptions");
  }

  /**
   * Searches.
   *
   * @throws ExploreError When a run fails.
   */
  async search(): Promise<ExploreResult> {
    checkNested();
    for (let run = 0; run < this.#runs; run++) {
      const seed = derive(this.#seed, run);
      const random = new Random(seed);
      const chooser = this.#chooserOf(run, seed);
      const error = await this.#try(chooser, random, null);
      this.#horizon = Math.max(this.#horizon, chooser.decisions);
      if (error !== null) {
        throw await this.#explain(
          { error: error.value, random: seed, deviations: chooser.deviations },
          run + 1,
        );
      }
      // Nothing was chosen or drawn: every run would be the same.
      if (run === 0 && chooser.decisions === 0 && random.draws === 0) {
        return { runs: 1, decisions: 0 };
      }
    }
    return { runs: this.#runs, decisions: this.#horizon };
  }

  #chooserOf(run: number, seed: number): Chooser {
    if (run === 0) return new FirstChooser();
    const random = new Random(seed ^ 0x5eed);
    if (run % 4 === 0) return new RandomChooser(random);
    return new SparseChooser(
      random,
      this.#horizon,
      1 + run % Math.max(1, this.#bound),
    );
  }

  /** The error of a run, or null. */
  async #try(
    chooser: Chooser,
    random: Random,
    told: string[] | null,
  ): Promise<{ readonly value: unknown } | null> {
    const session = new Session(this.#options, {
      chooser,
      random,
      told,
      sites: told !== null,
    });
    try {
      await runSession(session, this.#body);
      return null;
    } catch (error) {
      return { value: error };
    }
  }

  async #explain(failed: Failed, runs: number): Promise<ExploreError> {
    const deviations = await this.#shorten(failed);
    const told: string[] = [];
    // Run again, to tell the schedule and where things were made.
    const again = await this.#try(
      new ReplayChooser(deviations),
      new Random(failed.random),
      told,
    );
    return new ExploreError(
      formatSeed({ random: failed.random, schedule: deviations }),
      told,
      runs,
      again === null ? failed.error : again.value,
    );
  }

  /** Leaves out of a schedule whatever it fails without. */
  async #shorten(failed: Failed): Promise<readonly Deviation[]> {
    let best = failed.deviations;
    let budget = SHRINK_RUNS;
    const fails = async (tried: readonly Deviation[]): Promise<boolean> => {
      budget--;
      const found = await this.#try(
        new ReplayChooser(tried),
        new Random(failed.random),
        null,
      );
      return found !== null && alike(found.value, failed.error);
    };
    let size = best.length;
    while (size > 0 && budget > 0) {
      let shorter = false;
      for (let at = 0; at < best.length && budget > 0;) {
        const tried = [...best.slice(0, at), ...best.slice(at + size)];
        if (await fails(tried)) {
          best = tried;
          shorter = true;
        } else at += size;
      }
      size = size > 1 ? size >> 1 : shorter ? 1 : 0;
    }
    return best.length > 1 ? await this.#single(fails) ?? best : best;
  }

  /** One place that is enough, where a search of them all finds it. */
  async #single(
    fails: (tried: readonly Deviation[]) => Promise<boolean>,
  ): Promise<readonly Deviation[] | null> {
    let left = SHRINK_RUNS;
    for (let choice = 1; choice <= 3; choice++) {
      for (let at = 0; at < this.#horizon && left > 0; at++, left--) {
        if (await fails([{ at, choice }])) return [{ at, choice }];
      }
    }
    return null;
  }
}

/** Whether two errors are of one kind: texts may name what differs from run to run. */
function alike(a: unknown, b: unknown): boolean {
  if (!(a instanceof Error) || !(b instanceof Error)) return a === b;
  return a.name === b.name;
}

function count(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(
    `Cannot search: ${what} has to be a whole number from 1, got ${value}`,
  );
}
