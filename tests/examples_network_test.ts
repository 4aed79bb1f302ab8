/** The examples that talk over the network, as programs, on loopback. */

import { assert, assertEquals } from "@std/assert";
import { connect } from "node:net";
import {
  createDefaultContext,
  Event,
  run,
  sleep,
  startServer,
  type StreamReader,
  timeout,
} from "../mod.ts";
import { join } from "../examples/chat.ts";
import { linksOf } from "../examples/crawler.ts";
import {
  type Request as HttpRequest,
  type Response as HttpResponse,
  serveHttp,
} from "../examples/http_server.ts";
import { cert, certPath } from "./_certs.ts";
import type { Child } from "./_child.ts";
import { endedWell, patient, startExample } from "./_examples.ts";
import { describe, it, runtime } from "./_harness.ts";

/** A connection by hand, so that what is said and when is the test's. */
class Raw {
  #text = "";
  #closed = false;
  readonly #socket;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
      this.#wake();
    });
    this.#socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
    this.#socket.on("error", () => {});
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Waits until a text has come, or the end. */
  async until(text: string | null): Promise<string> {
    while (
      !this.#closed && (text === null || !this.#text.includes(text))
    ) await new Promise<void>((done) => this.#wake = done);
    return this.#text;
  }
}

describe("the HTTP server", () => {
  const start = async (grace: string): Promise<[Child, number]> => {
    const child = startExample("http_server.ts", ["0", grace]);
    const rest = await child.line("listening on http://127.0.0.1:");
    return [child, Number(rest.slice(0, -1))];
  };
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

  it(
    "on SIGTERM answers what was asked, and takes nothing new",
    patient,
    async () => {
      const [child, port] = await start("10");
      const idle = new Raw(port);
      idle.write(get("/"));
      await idle.until("hello");
      const busy = new Raw(port);
      busy.write(get("/slow"));
      // It must have been read by then; the answer takes a second.
      await new Promise((done) => setTimeout(done, 300));
      child.kill("SIGTERM");
      await child.line("stopping");
      const late = new Raw(port);
      assertEquals(await late.until(null), "");
      const answer = await busy.until(null);
      assert(answer.startsWith("HTTP/1.1 200 OK\r\n"), answer);
      assert(answer.includes("connection: close\r\n"), answer);
      assert(answer.endsWith("hello\n"), answer);
      await idle.until(null);
      const out = await endedWell(child);
      assert(out.endsWith("stopping\nstopped\n"), out);
    },
  );

  it("cuts off what takes longer than the grace", patient, async () => {
    const [child, port] = await start("0.1");
    const busy = new Raw(port);
    busy.write(get("/slow"));
    await new Promise((done) => setTimeout(done, 300));
    child.kill("SIGTERM");
    assertEquals(await busy.until(null), "");
    await endedWell(child);
  });

  it(
    "ends in the same way at Ctrl-C, and at once at the second",
    patient,
    async () => {
      const [child, port] = await start("60");
      const busy = new Raw(port);
      busy.write(get("/slow"));
      await new Promise((done) => setTimeout(done, 300));
      child.kill("SIGINT");
      await child.line("stopping");
      child.kill("SIGINT");
      assertEquals(await busy.until(null), "");
      await endedWell(child);
    },
  );
});

describe("the crawler", () => {
  it("finds the links of a page", () => {
    const html = '<a href="/a#x">a</a> <A class="y" HREF = "b?c=1&amp;d=2">' +
      '<a name="z"> <a href="http://[bad">';
    assertEquals(linksOf(html, "http://h/dir/"), [
      "http://h/a",
      "http://h/dir/b?c=1&d=2",
    ]);
  });

  it(
    "crawls a site once, within its limits, and names what is broken",
    patient,
    () =>
      run(async () => {
        let [running, most] = [0, 0];
        const asked: string[] = [];
        const never = new Event();
        const page = (...links: string[]): HttpResponse => ({
          status: 200,
          body: links.map((link) => `<a href="${link}">x</a>`).join(""),
          type: "text/html",
        });
        const site = async ({ path }: HttpRequest): Promise<HttpResponse> => {
          asked.push(path);
          most = Math.max(most, ++running);
          try {
            await sleep(0.02);
            if (path === "/") {
              const links = Array.from({ length: 20 }, (_, n) => `/page/${n}`);
              return page("/", "http://elsewhere.invalid/", ...links);
            }
            if (path === "/page/3") {
              return page("/gone", "/hangs", "/page/4#top");
            }
            if (path === "/hangs") {
              await never.wait();
            }
            return path.startsWith("/page/")
              ? page("/")
              : { status: 404, body: "gone" };
          } finally {
            running--;
          }
        };
        await using server = await startServer(serveHttp(site), "127.0.0.1", 0);
        const url = `http://127.0.0.1:${server.port}`;
        const child = startExample("crawler.ts", [`${url}/`, "3", "50", "1"]);
        const { code, stdout, stderr } = await child.end;
        server.abortClients();
        assertEquals(
          stdout.trimEnd().split("\n").toSorted(),
          [
            "23 pages, 2 broken",
            `${url}/gone: 404, linked by ${url}/page/3`,
            `${url}/hangs: timeout, linked by ${url}/page/3`,
          ],
        );
        assertEquals(code, 1);
        assertEquals(asked.length, new Set(asked).size);
        assertEquals(asked.length, 23);
        assert(most > 1 && most <= 3, `${most} at once`);
        assert(
          /\r\d+ done, [123] running, \d+ waiting, \d+ KiB/.test(stderr),
          stderr,
        );
      }),
  );

  it("looks at no more pages than it may", patient, () =>
    run(async () => {
      let asked = 0;
      const endless = ({ path }: HttpRequest): HttpResponse => {
        asked++;
        const n = Number(path.slice(1) || "1");
        const body = `<a href="/${2 * n}">x</a><a href="/${2 * n + 1}">y</a>`;
        return { status: 200, body, type: "text/html" };
      };
      await using server = await startServer(
        serveHttp(endless),
        "127.0.0.1",
        0,
      );
      const url = `http://127.0.0.1:${server.port}/`;
      const child = startExample("crawler.ts", [url, "4", "30"]);
      const { code, stdout } = await child.end;
      server.abortClients();
      assertEquals([code, stdout, asked], [0, "30 pages, 0 broken\n", 30]);
    }));
});

describe("the chat", () => {
  const start = async (): Promise<[Child, number]> => {
    const child = startExample("chat.ts", [
      "serve",
      "0",
      certPath("server.pem"),
      certPath("server.key"),
    ]);
    return [child, Number(await child.line("listening on "))];
  };
  const joining = (port: number, name: string) =>
    startExample("chat.ts", [
      ...["join", "localhost", String(port), name, certPath("ca.pem")],
    ], { input: true });

  async function hear(reader: StreamReader): Promise<string> {
    const line = await timeout(10).with(() => reader.readLine());
    return new TextDecoder().decode(line).trimEnd();
  }

  it("passes on what is said, over TLS", patient, async () => {
    const [server, port] = await start();
    const ann = joining(port, "ann");
    await ann.line("* ann has come");
    await run(async () => {
      const context = createDefaultContext("serverAuth", { ca: cert("ca") });
      const [reader, writer] = await join("localhost", port, "bob", context);
      assertEquals(await hear(reader), "* bob has come");
      assertEquals(writer.getExtraInfo("sslcontext"), context);
      await ann.line("* bob has come");
      ann.write("hello bob\n");
      assertEquals(await hear(reader), "ann: hello bob");
      writer.write(new TextEncoder().encode("hello ann\n"));
      assertEquals(await hear(reader), "bob: hello ann");
      await ann.line("bob: hello ann");
      ann.endInput();
      assertEquals(await hear(reader), "* ann has left");
      writer.close();
      await writer.waitClosed();
    });
    assertEquals(
      await endedWell(ann),
      "* ann has come\n* bob has come\nann: hello bob\nbob: hello ann\n",
    );
    server.kill("SIGINT");
    await server.end;
  });

  it(
    "refuses to talk without TLS, and what was smuggled in before it",
    patient,
    async () => {
      const [server, port] = await start();
      const plain = new Raw(port);
      await plain.until("STARTTLS\n");
      plain.write("ann\n");
      assertEquals(
        await plain.until(null),
        "chat, please STARTTLS\nnot without TLS\n",
      );
      const smuggler = new Raw(port);
      await smuggler.until("STARTTLS\n");
      smuggler.write("STARTTLS\nann\nlies\n");
      assertEquals(await smuggler.until(null), "chat, please STARTTLS\n");
      server.kill("SIGINT");
      await server.end;
    },
  );
});

describe("the runtime's own server", () => {
  it(
    "answers, gives up what is late, and cancels for who leaves",
    patient,
    async () => {
      const child = startExample("web_handler.ts", ["0"]);
      const port = (await child.line("listening on http://127.0.0.1:"))
        .slice(0, -1);
      const url = `http://127.0.0.1:${port}/`;
      const ask = async (query: string) => {
        const response = await fetch(`${url}${query}`);
        return [response.status, await response.json()];
      };
      // More at once than the database takes.
      const prices = await Promise.all(
        Array.from({ length: 12 }, () => ask("?q=tea")),
      );
      for (const price of prices) {
        assertEquals(price, [200, { what: "tea", price: 300, stock: 3 }]);
      }
      assertEquals(await ask("?q=tea&delay=5"), [504, { error: "too late" }]);
      const leaving = new Raw(Number(port));
      leaving.write("GET /?q=tea&delay=0.9 HTTP/1.1\r\nHost: x\r\n\r\n");
      await new Promise((done) => setTimeout(done, 200));
      leaving.destroy();
      const counts = { answered: 12, late: 1, left: 1 };
      for (let tries = 0; tries < 50; tries++) {
        const [, now] = await ask("counts");
        if (now.left === 1) break;
        await new Promise((done) => setTimeout(done, 20));
      }
      child.kill("SIGTERM");
      const { code, stdout, stderr } = await child.end;
      assertEquals(code, 0);
      assertEquals(JSON.parse(stdout.trimEnd().split("\n").at(-1)!), counts);
      // Deno has something to say about its own signals.
      if (runtime === "bun") assertEquals(stderr, "");
    },
  );
});
