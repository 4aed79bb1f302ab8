/**
 * The page in which a browser runs the tests: asks the server of web_tests.ts for a
 * file, runs its tests, and tells the server what becomes of them. Then it begins
 * anew, so that no file finds what another one has left.
 *
 * @module
 */
import type { WebTest } from "../tests/_harness.ts";

/** What the page is to do. */
export interface Work {
  /** The URL of the test file; null when there are no more. */
  readonly file: string | null;
  /** A regular expression for the names of the tests. */
  readonly filter: string | null;
  /** Whether a test may ask for what browsers do not have, and is skipped. */
  readonly lenient: boolean;
}

/** What the page has to say. */
export type News =
  /** A test begins. */
  | { readonly begins: string; readonly file: string }
  /** A test is over. */
  | {
    readonly name: string;
    readonly file: string;
    readonly seconds: number;
    readonly skipped: boolean;
    readonly error: string | null;
  }
  /** Something failed that belongs to no test. */
  | { readonly stray: string; readonly file: string }
  /** All tests of a file are over. */
  | { readonly ended: string };

/** What the library says of all that browsers do not have. */
const LACKING = "browsers and edge runtimes do not let programs do that";

/** How many milliseconds news may wait for more. */
const TOGETHER = 50;

// Kept before any test installs fake ones.
const { fetch, performance, setTimeout } = globalThis;

const news: News[] = [];
let sentAt = 0;

async function send(): Promise<void> {
  sentAt = performance.now();
  await fetch("/news", {
    method: "POST",
    body: JSON.stringify(news.splice(0)),
  });
}

function tell(item: News): void {
  news.push(item);
  if (performance.now() - sentAt > TOGETHER) void send();
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stack = "" } = error;
  const text = `${error.name}: ${error.message}`;
  return stack.includes(error.message) ? stack : `${text}\n${stack}`;
}

async function runFile(
  file: string,
  filter: RegExp | null,
  lenient: boolean,
): Promise<void> {
  const scope = globalThis as { webTests?: WebTest[] };
  const tests: WebTest[] = scope.webTests = [];
  const onError = (event: Event) => {
    const { error, message, reason } = event as
      & Partial<ErrorEvent>
      & Partial<PromiseRejectionEvent>;
    // A test that expects one says so, in a listener of its own.
    setTimeout(() => {
      if (event.defaultPrevented) return;
      tell({ stray: textOf(error ?? reason ?? message), file });
    });
  };
  addEventListener("error", onError);
  addEventListener("unhandledrejection", onError);
  try {
    await import(file);
    const some = tests.some((test) => test.only);
    for (const { name, skip, only, body } of tests) {
      if (some && !only || filter?.test(name) === false) continue;
      tell({ begins: name, file });
      const began = performance.now();
      let error: string | null = null;
      try {
        if (!skip) await body();
      } catch (thrown) {
        error = textOf(thrown);
      }
      const seconds = (performance.now() - began) / 1000;
      const lacking = lenient && error?.includes(LACKING) === true;
      if (lacking) error = null;
      tell({ name, file, seconds, skipped: skip || lacking, error });
    }
  } catch (error) {
    tell({ stray: textOf(error), file });
  }
  // What the last test left behind comes now or never.
  await new Promise((resolve) => setTimeout(resolve));
  removeEventListener("error", onError);
  removeEventListener("unhandledrejection", onError);
  news.push({ ended: file });
  await send();
}

const work = await (await fetch("/work")).json() as Work;
const { file, filter, lenient } = work;
if (file !== null) {
  await runFile(file, filter === null ? null : new RegExp(filter), lenient);
  // Not reloaded: that would ask the server for each module again.
  location.replace(`/?after=${encodeURIComponent(file)}`);
}
