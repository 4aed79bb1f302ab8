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
   * Registers a part that runs on the loop before each test, after those registered
   * before it.
   *
   * @param body An async function or a generator function.
   */
  beforeEach(body: TestBody<unknown>): void;
  /**
   * Registers a part that runs on the loop after each test, before those registered
   * before it, and before it is looked at what is left open. The runners call their
   * own hooks in different orders.
   *
   * @param body An async function or a generator function.
   */
  afterEach(body: TestBody<unknown>): void;
  /**
   * Runs a part of the test on the test's loop. Tasks go on between the parts, while
   * one runs.
   *
   * @param body An async function or a generator function.
   * @returns What the body returned.
   */
  run<T>(body: TestBody<T>): Promise<T>;
  /**
   * Makes a test's function: the body, then the teardowns, then the look at what is
   * left open. Where a test is not made so, the runner's hook does the latter two.
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
  readonly #setups: TestBody<unknown>[] = [];
  readonly #teardowns: TestBody<unknown>[] = [];
  #session: Session | null = null;
  #failed = false;

  constructor(hooks: Hooks, options: TestOptions) {
    this.#options = options;
    hooks.beforeEach(() => this.#begin());
    hooks.afterEach(() => this.#end());
  }

  async #begin(): Promise<void> {
    // Where a setup has failed, not every runner calls the teardown.
    await this.#session?.close(true);
    this.#session = new Session(this.#options);
    this.#failed = false;
    for (const body of this.#setups) await this.run(body);
  }

  async #end(): Promise<void> {
    const session = this.#session;
    if (session === null) return;
    const errors: unknown[] = [];
    for (const body of this.#teardowns.toReversed()) {
      await this.run(body).catch((error) => errors.push(error));
    }
    this.#session = null;
    await session.close(this.#failed);
    if (errors.length > 0) throw errors[0];
  }

  beforeEach(body: TestBody<unknown>): void {
    this.#setups.push(body);
  }

  afterEach(body: TestBody<unknown>): void {
    this.#teardowns.push(body);
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
      try {
        await this.run(body);
      } catch (error) {
        // What the test failed with matters more than what the teardown does.
        await this.#end().catch(() => {});
        throw error;
      }
      // Here rather than in the hook: not every runner minds that a hook fails.
      await this.#end();
    };
  }
}
