// deno-lint-ignore-file no-console
/**
 * Runs the tests in a headless Chromium, which gets the npm package and the compiled
 * tests from a server on loopback: module by module, those that the package replaces
 * for browsers replaced. Writes a report in the format of JUnit.
 *
 *     deno run -A tools/web_tests.ts folder report [--filter=regex] [file …]
 *
 * The folder is what node_tests.ts makes. A file that needs modules of Node is left
 * out; why is printed.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Command, findChromium } from "./runtimes.ts";
import type { News, Work } from "./web_page.ts";
import { importMapOf, isCore, isIsolated, unportable } from "./web_portable.ts";

/** How long the page may say nothing, and how long all may take. */
const PATIENCE_MS = 60_000;
const LIMIT_MS = 5 * 60_000;

const FLAGS = [
  "--headless=new",
  // Of the tests' own pages there is nothing to be afraid of.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-extensions",
  "--no-first-run",
];

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
};

/** What became of a test. */
type Result = Extract<News, { readonly name: string }>;

/** The results of a run. */
class Results {
  readonly #results: Result[] = [];
  readonly #ended = new Set<string>();
  /** The test that has begun and is not over. */
  #running: { readonly name: string; readonly file: string } | null = null;
  failed = 0;

  take(news: readonly News[]): void {
    for (const item of news) {
      if ("ended" in item) this.#ended.add(item.ended);
      else if ("begins" in item) {
        this.#running = { name: item.begins, file: item.file };
      } else if ("stray" in item) {
        this.#add(failure(item.file, `(${item.file})`, item.stray));
      } else {
        this.#running = null;
        this.#add(item);
      }
    }
  }

  /** The browser is gone or does not answer. */
  giveUp(reason: string, files: readonly string[]): void {
    const file = this.#running?.file ??
      files.find((file) => !this.#ended.has(file));
    if (file === undefined) return;
    this.#add(failure(file, this.#running?.name ?? `(${file})`, reason));
    this.#running = null;
    this.#ended.add(file);
  }

  left(files: readonly string[]): string[] {
    return files.filter((file) => !this.#ended.has(file));
  }

  #add(result: Result): void {
    this.#results.push(result);
    if (result.error === null) return;
    this.failed++;
    console.log(`FAILED ${result.file.slice(1)}: ${result.name}`);
    console.log(result.error.replace(/^/gm, "    "));
  }

  get xml(): string {
    const cases = this.#results.map(({ name, file, seconds, skipped, error }) =>
      `<testcase name="${plain(name)}" file="${plain(file.slice(1))}" ` +
      `time="${seconds.toFixed(6)}">` +
      (skipped ? "<skipped/>" : "") +
      (error === null ? "" : `<failure>${plain(error)}</failure>`) +
      "</testcase>\n"
    );
    return '<?xml version="1.0" encoding="UTF-8"?>\n' +
      `<testsuites name="web">\n<testsuite name="web">\n${cases.join("")}` +
      "</testsuite>\n</testsuites>\n";
  }

  get summary(): string {
    const skipped = this.#results.filter((result) => result.skipped).length;
    const passed = this.#results.length - skipped - this.failed;
    return `${passed} passed, ${this.failed} failed, ${skipped} skipped`;
  }
}

function failure(file: string, name: string, error: string): Result {
  return { name, file, seconds: 0, skipped: false, error };
}

/** A text as XML shows it, without the characters that XML cannot have. */
function plain(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  // deno-lint-ignore no-control-regex
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"]/g, (char) => entities[char]!);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += chunk;
  return text;
}

/** What the server asks and tells whoever runs the tests. */
interface Desk {
  readonly folder: string;
  readonly html: string;
  /** Whether the page that comes next is cross-origin isolated. */
  readonly isolated: () => boolean;
  readonly work: () => Work;
  readonly news: (news: readonly News[]) => void;
}

/** By which a page and its workers may share memory. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

function serve({ folder, html, isolated, work, news }: Desk): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url!, "http://localhost").pathname;
    const answer = (type: string, body: string | Uint8Array) => {
      response.writeHead(200, {
        "content-type": TYPES[type] ?? "text/plain",
        ...(type !== "html" || isolated()) && ISOLATION,
        // Each file's page loads the same modules.
        "cache-control": type === "js" ? "max-age=3600" : "no-store",
      }).end(body);
    };
    if (request.method === "POST") {
      news(JSON.parse(await bodyOf(request)) as News[]);
      answer("json", "null");
    } else if (path === "/") answer("html", html);
    else if (path === "/work") answer("json", JSON.stringify(work()));
    else if (path.includes("..") || !existsSync(folder + path)) {
      response.writeHead(404).end();
    } else if (statSync(folder + path).isDirectory()) {
      answer("json", JSON.stringify(readdirSync(folder + path)));
    } else answer(path.split(".").at(-1)!, readFileSync(folder + path));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

/** A browser with its own profile, which is gone when it is ended. */
class Browser {
  readonly #profile: string = mkdtempSync(join(tmpdir(), "asyncio-web-"));
  readonly #child: ChildProcess;
  readonly gone: Promise<string>;

  constructor([program, ...args]: Command, url: string) {
    this.#child = spawn(
      program,
      [...args, ...FLAGS, `--user-data-dir=${this.#profile}`, url],
      // A group of its own, which is ended as a whole.
      { stdio: ["ignore", "ignore", "pipe"], detached: true },
    );
    let output = "";
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-2000);
    });
    this.gone = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("close", (code, signal) => {
        resolve(`the browser ended with ${signal ?? code}: ${output}`);
      });
    });
  }

  /** It would not be ended by what ends this program. */
  kill(): void {
    try {
      process.kill(-this.#child.pid!, "SIGKILL");
    } catch { /* It has ended. */ }
  }

  async end(): Promise<void> {
    this.kill();
    await this.gone;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Runs test files.
 *
 * @param folder What node_tests.ts has made.
 * @param files The files, as URLs from there.
 * @param filter A regular expression for the names of the tests.
 */
async function runFiles(
  folder: string,
  files: readonly string[],
  filter: string | null,
): Promise<Results> {
  const command = findChromium();
  if (command === undefined) throw new Error("no Chromium was found");
  const results = new Results();
  const imports = importMapOf(folder);
  let heard = Date.now();
  let finished = () => {};
  const server = await serve({
    folder,
    html: '<!doctype html><meta charset="utf-8"><title>tests</title>' +
      `<script type="importmap">${JSON.stringify({ imports })}</script>` +
      '<script type="module" src="/tools/web_page.js"></script>',
    isolated: () => isIsolated(results.left(files)[0] ?? ""),
    work() {
      const file = results.left(files)[0] ?? null;
      return { file, filter, lenient: !isCore(file ?? "") };
    },
    news(news) {
      heard = Date.now();
      results.take(news);
      if (results.left(files).length === 0) finished();
    },
  });
  const { port } = server.address() as AddressInfo;
  const end = Date.now() + LIMIT_MS;
  while (results.left(files).length > 0) {
    if (Date.now() > end) {
      results.giveUp(`there is no time left after ${LIMIT_MS} ms`, files);
      continue;
    }
    heard = Date.now();
    const browser = new Browser(command, `http://127.0.0.1:${port}/`);
    const stop = () => {
      browser.kill();
      process.exit(1);
    };
    process.once("SIGINT", stop).once("SIGTERM", stop);
    let timer: ReturnType<typeof setInterval> | undefined;
    const problem = await Promise.race([
      browser.gone,
      new Promise<null>((resolve) => finished = () => resolve(null)),
      new Promise<string>((resolve) => {
        timer = setInterval(() => {
          if (Date.now() > end) resolve(`it took longer than ${LIMIT_MS} ms`);
          if (Date.now() - heard < PATIENCE_MS) return;
          resolve(`the page said nothing for ${PATIENCE_MS} ms`);
        }, 500);
      }),
    ]);
    clearInterval(timer);
    await browser.end();
    process.off("SIGINT", stop).off("SIGTERM", stop);
    if (problem !== null) results.giveUp(problem, files);
  }
  server.close();
  server.closeAllConnections();
  return results;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const flag = args.find((arg) => arg.startsWith("--filter="));
  const [folder, report, ...files] = args.filter((arg) => arg !== flag);
  const imports = importMapOf(folder!);
  const portable: string[] = [];
  for (const file of files) {
    const url = `/${file.replace(/^\.\//, "").replace(/\.ts$/, ".js")}`;
    const reason = unportable(folder!, url, imports);
    if (reason === undefined) portable.push(url);
    else console.log(`not for browsers: ${file}, since ${reason}`);
  }
  const filter = flag?.slice("--filter=".length) ?? null;
  const results = await runFiles(folder!, portable, filter);
  writeFileSync(report!, results.xml);
  console.log(`${portable.length} files: ${results.summary}`);
  process.exit(results.failed > 0 ? 1 : 0);
}

if (import.meta.main) await main();
