// deno-lint-ignore-file no-console
/**
 * Crawls a site: a number of tasks take addresses from a queue, within limits on
 * pages, on time and on what one page may weigh, while another one shows how far
 * they are.
 *
 *     deno run --allow-net examples/crawler.ts http://127.0.0.1:8080/ 8 100
 *     bun examples/crawler.ts http://127.0.0.1:8080/ 8 100
 *
 * The numbers are how many requests run at once and how many pages are looked at.
 */
import {
  CancelledError,
  currentTask,
  Queue,
  run,
  sleep,
  TaskGroup,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { args, isMain, setExitCode, stderr } from "./_host.ts";

/** How far a crawl may go. */
export interface CrawlLimits {
  /** How many requests run at once. */
  readonly tasks?: number;
  /** How many pages are looked at. */
  readonly pages?: number;
  /** Seconds for one page. */
  readonly seconds?: number;
  /** Bytes of a page that are read. */
  readonly bytes?: number;
}

/** What came of one address. */
export interface Page {
  readonly url: string;
  /** The status, or why there is none. */
  readonly status: number | string;
  /** Where it was first found. */
  readonly from: string | null;
  readonly bytes: number;
}

/** How far a crawl is. */
export interface Progress {
  readonly done: number;
  readonly waiting: number;
  readonly running: number;
  readonly bytes: number;
}

/** An address, and where it was found. */
type Find = readonly [url: string, from: string | null];

/** The addresses that a page links to, without their fragments. */
export function linksOf(html: string, base: string): string[] {
  const links: string[] = [];
  for (const [, link] of html.matchAll(/<a\s[^>]*?href\s*=\s*"([^"]*)"/gi)) {
    const target = link!.replaceAll("&amp;", "&");
    if (!URL.canParse(target, base)) continue;
    const url = new URL(target, base);
    url.hash = "";
    links.push(url.href);
  }
  return links;
}

/** Reads a body up to a limit. */
async function readSome(
  response: Response,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk.subarray(0, limit - size));
    size += chunks.at(-1)!.length;
    // Leaving the loop cancels the stream, and with it the connection.
    if (size >= limit) break;
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** One crawl. */
export class Crawler {
  readonly #origin: string;
  readonly #limits: Required<CrawlLimits>;
  readonly #queue: Queue<Find> = new Queue();
  readonly #seen: Set<string> = new Set();
  readonly #pages: Page[] = [];
  #running = 0;
  #bytes = 0;

  constructor(start: string, limits: CrawlLimits = {}) {
    const { tasks = 8, pages = 100, seconds = 10, bytes = 1 << 20 } = limits;
    this.#limits = { tasks, pages, seconds, bytes };
    const { href, origin } = new URL(start);
    this.#origin = origin;
    this.#find(href, null);
  }

  /** How far it is. */
  get progress(): Progress {
    return {
      done: this.#pages.length,
      waiting: this.#queue.qsize(),
      running: this.#running,
      bytes: this.#bytes,
    };
  }

  /** Crawls to the end and returns what was found, in the order of the answers. */
  async run(): Promise<readonly Page[]> {
    await new TaskGroup().with(async (group) => {
      for (let n = 1; n <= this.#limits.tasks; n++) {
        group.createTask(() => this.#work(), { name: `crawler ${n}` });
      }
      await this.#queue.join();
      // Those who wait for an address have their loops ended.
      this.#queue.shutdown();
    });
    return this.#pages;
  }

  #find(url: string, from: string | null): void {
    if (this.#seen.has(url) || this.#seen.size >= this.#limits.pages) return;
    this.#seen.add(url);
    this.#queue.putNowait([url, from]);
  }

  async #work(): Promise<void> {
    for await (const [url, from] of this.#queue) {
      this.#running++;
      try {
        const [status, bytes] = await this.#visit(url);
        this.#bytes += bytes;
        this.#pages.push({ url, status, from, bytes });
      } finally {
        this.#running--;
        this.#queue.taskDone();
      }
    }
  }

  async #visit(url: string): Promise<[status: number | string, bytes: number]> {
    try {
      return await timeout(this.#limits.seconds).with(async (): Promise<
        [number, number]
      > => {
        // Not of this library, so it is told by the signal when the time is up.
        const { signal } = currentTask()!;
        const response = await fetch(url, { signal });
        const body = await readSome(response, this.#limits.bytes);
        if (response.headers.get("content-type")?.startsWith("text/html")) {
          const html = new TextDecoder().decode(body);
          for (const link of linksOf(html, response.url)) {
            if (new URL(link).origin === this.#origin) this.#find(link, url);
          }
        }
        return [response.status, body.length];
      });
    } catch (error) {
      if (error instanceof TimeoutError) return ["timeout", 0];
      if (error instanceof CancelledError) throw error;
      return [error instanceof Error ? error.message : String(error), 0];
    }
  }
}

/** Shows how far a crawl is, ten times a second, until it is cancelled. */
export async function show(
  crawler: Crawler,
  write: (text: string) => unknown,
): Promise<void> {
  try {
    for (;;) {
      const { done, running, waiting, bytes } = crawler.progress;
      write(
        `\r${done} done, ${running} running, ${waiting} waiting, ` +
          `${Math.round(bytes / 1024)} KiB `,
      );
      await sleep(0.1);
    }
  } finally {
    write("\n");
  }
}

/** Crawls, shows it, and lists what is broken. */
export async function main(
  start: string,
  limits: CrawlLimits = {},
): Promise<void> {
  const crawler = new Crawler(start, limits);
  const pages = await new TaskGroup().with(async (group) => {
    const shown = group.createTask(() =>
      show(crawler, (text) => stderr.write(text))
    );
    try {
      return await crawler.run();
    } finally {
      await shown.cancelAndWait();
    }
  });
  const broken = pages!.filter(({ status }) => status !== 200);
  for (const { url, status, from } of broken) {
    console.log(
      `${url}: ${status}${from === null ? "" : `, linked by ${from}`}`,
    );
  }
  console.log(`${pages!.length} pages, ${broken.length} broken`);
  if (broken.length > 0) setExitCode(1);
}

if (isMain(import.meta)) {
  const [start = "http://127.0.0.1:8080/", tasks = "8", pages = "100"] = args;
  const seconds = Number(args[3] ?? 10);
  const limits = { tasks: Number(tasks), pages: Number(pages), seconds };
  await run(() => main(start, limits));
}
