// deno-lint-ignore-file no-console
/**
 * Tasks inside the handlers of `Deno.serve` and `Bun.serve`: each request is a task
 * that asks several sources at once, has a time limit, shares a limited resource,
 * and is cancelled when its client leaves.
 *
 *     deno run --allow-net examples/web_handler.ts 8080
 *     bun examples/web_handler.ts 8080
 *     curl http://127.0.0.1:8080/?q=tea
 */
import {
  CancelledError,
  CapacityLimiter,
  createTask,
  Event,
  gather,
  getRunningLoop,
  run,
  sleep,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { args, isMain } from "./_host.ts";

/** Seconds that an answer may take. */
const LIMIT = 1;

/** What the program has done so far. */
export interface Counts {
  answered: number;
  late: number;
  /** Requests whose clients left before the answer. */
  left: number;
}

/** A handler of the Fetch API, and what it has done. */
export class Shop {
  readonly counts: Counts = { answered: 0, late: 0, left: 0 };
  /** The database takes so many questions at once. */
  readonly #database: CapacityLimiter = new CapacityLimiter(4);

  /** Answers a request; both servers call it outside any task. */
  readonly fetch = async (request: Request): Promise<Response> => {
    const { signal } = request;
    // The task is cancelled when the request is.
    const task = createTask(() => this.#answer(request), { signal });
    try {
      return await task;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      this.counts.left++;
      return new Response(null, { status: 499 });
    }
  };

  async #answer({ url }: Request): Promise<Response> {
    const { searchParams, pathname } = new URL(url);
    if (pathname === "/counts") return Response.json(this.counts);
    const what = searchParams.get("q") ?? "nothing";
    const delay = Number(searchParams.get("delay") ?? 0.02);
    try {
      const [price, stock] = await timeout(LIMIT).with(() =>
        gather([() => this.#price(what, delay), () => this.#stock(what)])
      );
      this.counts.answered++;
      return Response.json({ what, price, stock });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      this.counts.late++;
      return Response.json({ error: "too late" }, { status: 504 });
    }
  }

  async #price(what: string, delay: number): Promise<number> {
    await sleep(delay);
    return what.length * 100;
  }

  async #stock(what: string): Promise<number> {
    return await this.#database.with(async () => {
      await sleep(0.01);
      return what.length;
    });
  }
}

type Fetch = (request: Request) => Promise<Response>;

/** What is used of the two servers. */
interface Runtimes {
  Deno?: {
    serve(
      options: { hostname: string; port: number; onListen: () => void },
      handler: Fetch,
    ): { addr: { port: number }; shutdown(): Promise<void> };
  };
  Bun?: {
    serve(
      options: { hostname: string; port: number; fetch: Fetch },
    ): { port: number; stop(): Promise<void> };
  };
}

/** A server of the runtime's own. */
export interface Serving {
  readonly port: number;
  /** Answers what was asked, and stops. */
  stop(): Promise<void>;
}

/** Starts the server that the runtime has. */
export function serve(fetch: Fetch, port: number): Serving {
  const { Deno, Bun } = globalThis as unknown as Runtimes;
  const hostname = "127.0.0.1";
  if (Bun !== undefined) {
    const server = Bun.serve({ hostname, port, fetch });
    return { port: server.port, stop: () => server.stop() };
  }
  const server = Deno!.serve({ hostname, port, onListen: () => {} }, fetch);
  return { port: server.addr.port, stop: () => server.shutdown() };
}

/** Serves until SIGTERM. While `run` runs, its loop is that of the handlers. */
export async function main(port: number): Promise<void> {
  const stop = new Event();
  const loop = getRunningLoop();
  loop.addSignalHandler("SIGTERM", () => stop.set());
  const shop = new Shop();
  const server = serve(shop.fetch, port);
  try {
    console.log(`listening on http://127.0.0.1:${server.port}/`);
    await stop.wait();
  } finally {
    loop.removeSignalHandler("SIGTERM");
    await server.stop();
  }
  console.log(JSON.stringify(shop.counts));
}

if (isMain(import.meta)) {
  const [port = "8080"] = args;
  await run(() => main(Number(port)));
}
