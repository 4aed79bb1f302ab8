// deno-lint-ignore-file no-console
/**
 * An HTTP/1.1 server on streams: keep-alive, request bodies with a length or in
 * chunks, limits on what a client may send, and an orderly end on SIGTERM and on
 * Ctrl-C: what was asked is answered, for a while; a second signal ends that.
 *
 *     deno run --allow-net examples/http_server.ts 8080
 *     curl http://127.0.0.1:8080/
 *     curl --data 'some text' http://127.0.0.1:8080/echo
 */
import {
  CancelledError,
  ConnectionError,
  Event,
  getRunningLoop,
  IncompleteReadError,
  LimitOverrunError,
  moveOnAfter,
  run,
  type Server,
  sleep,
  startServer,
  type StreamReader,
  type StreamWriter,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { args, isMain } from "./_host.ts";

/** Seconds that a client may be silent between two requests. */
const IDLE = 30;
/** The longest header block and body, in bytes. */
const HEAD_MAX = 32 * 1024;
const BODY_MAX = 16 * 1024 * 1024;

const CRLF = new Uint8Array([13, 10]);
const HEAD_END = new Uint8Array([13, 10, 13, 10]);

/** What a client asked for. */
export interface Request {
  readonly method: string;
  readonly path: string;
  /** By names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** What it is answered. */
export interface Response {
  readonly status: number;
  readonly body: Uint8Array | string;
  readonly type?: string;
}

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** The client sent something that is no request. */
class BadRequest extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function parseHead(head: string): Omit<Request, "body"> & { version: string } {
  const [first = "", ...lines] = head.split("\r\n");
  const [method, path, version, ...rest] = first.split(" ");
  if (
    method === undefined || path === undefined || rest.length > 0 ||
    (version !== "HTTP/1.1" && version !== "HTTP/1.0")
  ) throw new BadRequest(400, `no request line: ${JSON.stringify(first)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    // Blanks before the colon have been used to smuggle requests.
    if (colon < 1 || /\s/.test(line.slice(0, colon))) {
      throw new BadRequest(400, `no header: ${JSON.stringify(line)}`);
    }
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { method, path, version, headers };
}

async function readChunks(reader: StreamReader): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const line = decoder.decode(await reader.readUntil(CRLF));
    const digits = line.split(";")[0]!.trim();
    if (!/^[0-9a-f]{1,8}$/i.test(digits)) {
      throw new BadRequest(400, `no chunk size: ${JSON.stringify(line)}`);
    }
    const length = parseInt(digits, 16);
    size += length;
    if (size > BODY_MAX) throw new BadRequest(413, "the body is too long");
    if (length === 0) break;
    chunks.push(await reader.readExactly(length));
    await reader.readExactly(2);
  }
  // Trailers, which nobody here looks at.
  while ((await reader.readUntil(CRLF)).length > 2);
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

async function readBody(
  reader: StreamReader,
  headers: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined) throw new BadRequest(400, "two body lengths");
    if (coding.toLowerCase() !== "chunked") {
      throw new BadRequest(501, `unknown transfer coding ${coding}`);
    }
    return await readChunks(reader);
  }
  if (length === undefined) return new Uint8Array();
  if (!/^[0-9]{1,15}$/.test(length)) {
    throw new BadRequest(400, `no length: ${length}`);
  }
  if (Number(length) > BODY_MAX) {
    throw new BadRequest(413, "the body is too long");
  }
  return await reader.readExactly(Number(length));
}

async function send(
  writer: StreamWriter,
  response: Response,
  keep: boolean,
  bodyWanted = true,
): Promise<void> {
  const { status, type = "text/plain; charset=utf-8" } = response;
  const body = typeof response.body === "string"
    ? encoder.encode(response.body)
    : response.body;
  writer.write(encoder.encode(
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Status"}\r\n` +
      `content-type: ${type}\r\ncontent-length: ${body.length}\r\n` +
      `connection: ${keep ? "keep-alive" : "close"}\r\n\r\n`,
  ));
  if (bodyWanted && body.length > 0) writer.write(body);
  await writer.drain();
}

/** Which connections an ending server need not wait for. */
export class Draining {
  #begun = false;
  readonly #idle: Set<StreamWriter> = new Set();

  /** Whether it has begun: each connection ends after its next answer. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Closes the connections on which nothing was asked. */
  begin(): void {
    this.#begun = true;
    for (const writer of this.#idle) writer.close();
  }

  /** Waits for a request, during which the connection may be closed. */
  async idle<T>(writer: StreamWriter, request: PromiseLike<T>): Promise<T> {
    this.#idle.add(writer);
    try {
      return await request;
    } finally {
      this.#idle.delete(writer);
    }
  }
}

/** Serves one connection until the client leaves, or breaks the rules. */
export function serveHttp(
  handler: Handler,
  draining: Draining = new Draining(),
): (reader: StreamReader, writer: StreamWriter) => Promise<void> {
  const one = async (
    reader: StreamReader,
    writer: StreamWriter,
  ): Promise<boolean> => {
    let head: Uint8Array;
    try {
      head = await draining.idle(writer, reader.readUntil(HEAD_END));
    } catch (error) {
      if (error instanceof LimitOverrunError) {
        throw new BadRequest(431, "the headers are too long");
      }
      throw error;
    }
    const { version, ...request } = parseHead(decoder.decode(head));
    const wish = request.headers.get("connection")?.toLowerCase();
    const wanted = version === "HTTP/1.1" ? wish !== "close" : false;
    if (request.headers.get("expect")?.toLowerCase() === "100-continue") {
      writer.write(encoder.encode("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    const body = await readBody(reader, request.headers);
    const response = await handler({ ...request, body });
    const keep = wanted && !draining.begun;
    await send(writer, response, keep, request.method !== "HEAD");
    return keep;
  };

  return async (reader, writer) => {
    try {
      let keep = true;
      while (keep) {
        await timeout(IDLE).with(async () => {
          keep = await one(reader, writer);
        });
      }
    } catch (error) {
      // The program ends: there is no telling that any more.
      if (error instanceof CancelledError) throw error;
      if (error instanceof BadRequest) {
        const { status, message } = error;
        await send(writer, { status, body: `${message}\n` }, false);
      } else if (
        // The client is gone or silent: nothing to tell it.
        !(error instanceof IncompleteReadError) &&
        !(error instanceof ConnectionError) && !(error instanceof TimeoutError)
      ) {
        await send(writer, { status: 500, body: "sorry\n" }, false);
        throw error;
      }
    } finally {
      writer.close();
    }
  };
}

/**
 * Serves until SIGTERM or Ctrl-C, then takes no more requests and answers those
 * that were asked.
 *
 * @param grace Seconds that the answers may take; what is open then is cut off.
 */
export async function serveUntilSignal(
  handler: Handler,
  port: number,
  grace = 10,
): Promise<void> {
  const loop = getRunningLoop();
  const stop = new Event();
  const draining = new Draining();
  await using server = await startServer(
    serveHttp(handler, draining),
    "127.0.0.1",
    port,
    { limit: HEAD_MAX },
  );
  for (const signal of ["SIGTERM", "SIGINT"]) {
    loop.addSignalHandler(signal, () => {
      if (stop.isSet()) server.abortClients();
      stop.set();
    });
  }
  try {
    console.log(`listening on http://127.0.0.1:${server.port}/`);
    await stop.wait();
    console.log("stopping");
    await drain(server, draining, grace);
    console.log("stopped");
  } finally {
    loop.removeSignalHandler("SIGTERM");
    loop.removeSignalHandler("SIGINT");
  }
}

async function drain(
  server: Server,
  draining: Draining,
  grace: number,
): Promise<void> {
  server.close();
  draining.begin();
  const patience = moveOnAfter(grace);
  await patience.with(() => server.waitClosed());
  if (patience.expired()) server.abortClients();
}

/** The pages of this example. */
export async function pages(request: Request): Promise<Response> {
  const { method, path, body } = request;
  if (path === "/echo") {
    return method === "POST"
      ? { status: 200, body, type: "application/octet-stream" }
      : { status: 405, body: "POST something\n" };
  }
  if (path === "/slow") await sleep(1);
  else if (path !== "/") return { status: 404, body: `nothing at ${path}\n` };
  return { status: 200, body: "hello\n" };
}

if (isMain(import.meta)) {
  const [port = "8080", grace = "10"] = args;
  await run(() => serveUntilSignal(pages, Number(port), Number(grace)));
}
