/** Virtual tests in the style of describe and it. */

import { RuntimeError } from "../exceptions.ts";
import type { TestBody, TestOptions, TestScope } from "./options.ts";
import { runSession, Session } from "./session.ts";

/** What a test runner has: `beforeEach` and `afterEach` of any of them. */
export interface Hooks {
  /** Registers what runs before each test. */
  beforeEach(fn: () => Promise<void> | void): unknown;
  /** Registers what runs after each test. */
  afterEach(fn: () => Promise<void>): unknown;
}

/** One loop for all that belongs to a test: its setup, its body, its teardown. */
export interface TestLifecycle {
  /**
   * Runs a part of the test on the test's loop. Tasks go on between the parts, while
   * one runs.
   *
   * @param body An async function or a generator function.
   * @returns What the body returned.
   */
  run<T>(body: TestBody<T>): Promise<T>;
  /**
   * Makes a test's function.
   *
   * @param body An async function or a generator function.
   * @returns What `it` takes.
   */
  it(body: TestBody<unknown>): () => Promise<void>;
  /** The test's loop, clock and network. */
  readonly scope: TestScope;
}

/** Makes the function of a test; see `virtual` in testing.ts. */
export function testFunction(
  body: TestBody<unknown>,
  options: TestOptions,
): () => Promise<void> {
  // Without parameters: Bun and Node take those for a callback or a context.
  return async () => {
    await runSession(new Session(options), body);
  };
}

/** A session that begins and ends with each test; see `lifecycle`. */
export class Lifecycle implements TestLifecycle {
  readonly #options: TestOptions;
  #session: Session | null = null;
  #failed = false;

  constructor(hooks: Hooks, options: TestOptions) {
    this.#options = options;
    hooks.beforeEach(() => this.#begin());
    hooks.afterEach(() => this.#end());
  }

  #begin(): void {
    this.#session = new Session(this.#options);
    this.#failed = false;
  }

  async #end(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.close(this.#failed);
  }

  #current(): Session {
    if (this.#session !== null) return this.#session;
    throw new RuntimeError(
      "Cannot run a part of a test: no test is running; register the " +
        "lifecycle's hooks in the describe() of the test",
    );
  }

  get scope(): TestScope {
    return this.#current().scope;
  }

  async run<T>(body: TestBody<T>): Promise<T> {
    try {
      return await this.#current().run(body);
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  it(body: TestBody<unknown>): () => Promise<void> {
    return async () => {
      await this.run(body);
    };
  }
}
