/** What Bun's errors were: it says "connection refused" of most, or gives no code. */

import { builtin } from "./host.ts";
import { codeOf } from "./socket_errors.ts";
import type { TcpTarget } from "./sockets.ts";

interface Probe {
  on(event: string, fn: (error: unknown) => void): void;
  connect(port: number, host: string, done: (error?: unknown) => void): void;
  bind(options: object, done: () => void): void;
  close(): void;
}

interface DatagramModule {
  createSocket(kind: string): Probe;
}

interface FileSystem {
  statSync(path: string): unknown;
  openSync(path: string, flags: string): number;
  closeSync(fd: number): void;
}

interface NetModule {
  isIP(host: string): number;
}

/**
 * Asks the kernel by connecting a datagram socket, which sends nothing: where
 * there is no way to an address, it fails as the stream did.
 *
 * @param error What Bun said.
 * @param to Where the stream was to go.
 * @returns The code that the error should have.
 */
export function refinedCode(error: unknown, to: TcpTarget): Promise<string> {
  const code = codeOf(error);
  const version = builtin<NetModule>("node:net")!.isIP(to.host);
  if (code !== "ECONNREFUSED" || version === 0) return Promise.resolve(code);
  // A stream has one end: the kernel refuses it before it looks for a way.
  if (/^(22[4-9]|23\d)\.|^255\.255\.255\.255$/.test(to.host)) {
    return Promise.resolve("ENETUNREACH");
  }
  return new Promise((resolve) => {
    const probe = builtin<DatagramModule>("node:dgram")!.createSocket(
      `udp${version}`,
    );
    let over = false;
    const finish = (failure?: unknown) => {
      if (over) return;
      over = true;
      probe.close();
      resolve(codeOf(failure) || code);
    };
    const connect = () => {
      // Port 0 is nobody's, and refused by both.
      try {
        probe.connect(to.port || 9, to.host, finish);
      } catch (failure) {
        finish(failure);
      }
    };
    probe.on("error", finish);
    if (to.localAddress === undefined) connect();
    else probe.bind({ address: to.localAddress, port: 0 }, connect);
  });
}

/** What says that no file descriptor is left; empty while there are some. */
function exhaustion(): string {
  const fs = builtin<FileSystem>("node:fs")!;
  try {
    fs.closeSync(fs.openSync("/dev/null", "r"));
  } catch (failure) {
    const code = codeOf(failure);
    if (code === "EMFILE" || code === "ENFILE") return code;
  }
  return "";
}

/**
 * What Bun's "failed to listen" was, which has no code of its own where a name is
 * not known or no file descriptor is left.
 *
 * @param error What Bun said.
 * @param host Where to listen; undefined for a path.
 * @returns The code that the error should have.
 */
export function refinedListenCode(
  error: unknown,
  host: string | undefined,
): string {
  const code = codeOf(error) || exhaustion();
  if (code !== "" || host === undefined) return code;
  return builtin<NetModule>("node:net")!.isIP(host) === 0 ? "ENOTFOUND" : code;
}

/**
 * As {@linkcode refinedCode}, of a Unix socket's path.
 *
 * @param error What Bun said.
 * @param path The path.
 * @returns The code that the error should have.
 */
export function refinedPathCode(error: unknown, path: string): string {
  const code = codeOf(error);
  if (code !== "ECONNREFUSED") return code;
  const exhausted = exhaustion();
  if (exhausted !== "" || path.startsWith("\0")) return exhausted || code;
  try {
    builtin<FileSystem>("node:fs")!.statSync(path);
    return code;
  } catch (failure) {
    return codeOf(failure) || code;
  }
}
