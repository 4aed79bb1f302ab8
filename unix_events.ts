/**
 * The loop of Unix systems: sockets, those with a path among them.
 *
 * @example A server with a path
 * ```ts
 * import { startUnixServer } from "@x/asyncio";
 *
 * export async function serve(path: string): Promise<void> {
 *   await using server = await startUnixServer((_reader, writer) => {
 *     writer.close();
 *   }, path);
 *   await server.serveForever();
 * }
 * ```
 *
 * @module
 */

import { AbstractChildWatcher, deprecated } from "./_os/child_watchers.ts";
import { call } from "./_net/late.ts";
import type {
  UnixConnectionOptions,
  UnixServerOptions,
} from "./_net/unix_sockets.ts";
import { Coroutine } from "./coroutines.ts";
import {
  type AbstractEventLoop,
  BaseDefaultEventLoopPolicy,
  type Callback,
} from "./events.ts";
import {
  canUsePidfd,
  PidfdChildWatcher,
  ThreadedChildWatcher,
} from "./_os/loop_watchers.ts";
import { platform } from "./_platform/mod.ts";
import type { ProtocolFactory } from "./_net/net_types.ts";
import type { BaseProtocol } from "./protocols.ts";
import { BaseSelectorEventLoop } from "./selector_events.ts";
import { type Signal, SignalHandlers } from "./_os/signal_handlers.ts";
import type { Server } from "./_net/server.ts";
import type { Transport } from "./transports.ts";

export type {
  UnixConnectionOptions,
  UnixServerOptions,
} from "./_net/unix_sockets.ts";
export {
  AbstractChildWatcher,
  BaseChildWatcher,
  FastChildWatcher,
  SafeChildWatcher,
} from "./_os/child_watchers.ts";
export type { ChildCallback } from "./_os/child_watchers.ts";
export {
  canUsePidfd,
  MultiLoopChildWatcher,
  PidfdChildWatcher,
  ThreadedChildWatcher,
  waitstatusToExitcode,
} from "./_os/loop_watchers.ts";
export type { Signal } from "./_os/signal_handlers.ts";

/** The loop of Unix systems, which `newEventLoop` makes. */
export class _UnixSelectorEventLoop extends BaseSelectorEventLoop {
  readonly #signalHandlers: SignalHandlers = new SignalHandlers(this);

  /** As that of every loop; signals have their default actions again. */
  override close(): void {
    super.close();
    this.#signalHandlers.clear();
  }

  /**
   * Calls a function at each signal of one kind, in the loop's turn and in a copy of
   * the current context. It takes the place of a handler that stood before, and for
   * SIGINT that of the runner. A handler does not keep the loop running.
   *
   * @param sig The signal: "SIGTERM", or its number.
   * @param callback The function.
   * @param args What it is called with.
   * @throws {TypeError} If it is no signal, or no function, or a coroutine function.
   * @throws {RangeError} If the system has no such signal.
   * @throws {RuntimeError} If it cannot be caught, as SIGKILL and SIGSTOP cannot; and
   * outside the main thread.
   * @throws {NotImplementedError} If the runtime does not listen to it.
   *
   * @example A server that goes down in order
   * ```ts
   * import { Event, getRunningLoop } from "@x/asyncio";
   *
   * export async function main() {
   *   const asked = new Event();
   *   getRunningLoop().addSignalHandler("SIGTERM", () => asked.set());
   *   await asked.wait();
   *   console.log("closing");
   * }
   * ```
   */
  override addSignalHandler<A extends unknown[]>(
    sig: Signal,
    callback: Callback<A>,
    ...args: A
  ): void {
    this.#signalHandlers.add(sig, callback as Callback, args);
  }

  /**
   * Takes a handler back: the signal has its default action again. SIGINT then ends
   * a runner's run with KeyboardInterrupt.
   *
   * @param sig The signal: "SIGTERM", or its number.
   * @returns Whether there was a handler.
   * @throws {TypeError} If it is no signal.
   * @throws {RangeError} If the system has no such signal.
   */
  override removeSignalHandler(sig: Signal): boolean {
    return this.#signalHandlers.remove(sig);
  }

  /**
   * Connects to a Unix socket.
   *
   * @param protocolFactory Makes the protocol.
   * @param path Its path, or a file URL; "\0name" is an abstract one.
   * @param options See {@linkcode UnixConnectionOptions}.
   * @returns The transport and the protocol, once `connectionMade` was called.
   * @throws OSError If it cannot be connected to.
   */
  override createUnixConnection<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    path?: string | URL | null,
    options?: UnixConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    return new Coroutine<[transport: Transport, protocol: P]>(
      call("createUnixConnection"),
      [this, protocolFactory, path ?? null, options ?? {}],
    );
  }

  /**
   * Starts a server on a Unix socket. A socket that an earlier process has left at the
   * path is removed before.
   *
   * @param protocolFactory Makes a protocol for each connection.
   * @param path The path, or a file URL; "\0name" is an abstract one.
   * @param options See {@linkcode UnixServerOptions}.
   * @returns The server.
   * @throws OSError If it cannot listen there.
   *
   * @example A server in a file
   * ```ts
   * import { getRunningLoop, Protocol, run, type Transport } from "@x/asyncio";
   *
   * class Shout extends Protocol {
   *   #transport!: Transport;
   *   override connectionMade(transport: Transport) {
   *     this.#transport = transport;
   *   }
   *   override dataReceived(data: Uint8Array) {
   *     const text = new TextDecoder().decode(data).toUpperCase();
   *     this.#transport.write(new TextEncoder().encode(text));
   *   }
   * }
   *
   * export async function main(path: string) {
   *   const loop = getRunningLoop();
   *   const server = await loop.createUnixServer(() => new Shout(), path);
   *   await server.serveForever();
   * }
   * ```
   */
  override createUnixServer(
    protocolFactory: ProtocolFactory,
    path?: string | URL | null,
    options?: UnixServerOptions,
  ): Coroutine<Server> {
    return new Coroutine<Server>(
      call("createUnixServer"),
      [this, protocolFactory, path ?? null, options ?? {}],
    );
  }
}

/** The policy of Unix systems. */
export class _UnixDefaultEventLoopPolicy extends BaseDefaultEventLoopPolicy {
  #watcher: AbstractChildWatcher | null = null;

  /** Makes a {@linkcode SelectorEventLoop}. */
  override newEventLoop(): _UnixSelectorEventLoop {
    return new _UnixSelectorEventLoop();
  }

  /**
   * Sets the loop of this thread, for the watcher of child processes, too.
   *
   * @param loop The loop; null for none.
   */
  override setEventLoop(loop: AbstractEventLoop | null): void {
    super.setEventLoop(loop);
    if (platform.os.isMainThread) this.#watcher?.attachLoop(loop);
  }

  /**
   * The watcher of child processes; one is made where none was set.
   *
   * @returns The watcher.
   *
   * @deprecated CPython has no child watchers any more since 3.14.
   */
  override getChildWatcher(): AbstractChildWatcher {
    this.#watcher ??= canUsePidfd()
      ? new PidfdChildWatcher()
      : new ThreadedChildWatcher();
    deprecated("getChildWatcher");
    return this.#watcher;
  }

  /**
   * Sets the watcher of child processes, and closes the one before.
   *
   * @param watcher The watcher; null for one that is made when it is asked for.
   * @throws {TypeError} If it is none.
   *
   * @deprecated CPython has no child watchers any more since 3.14.
   */
  override setChildWatcher(watcher: AbstractChildWatcher | null): void {
    if (watcher !== null && !(watcher instanceof AbstractChildWatcher)) {
      throw new TypeError(
        "watcher must be an instance of AbstractChildWatcher or null, not " +
          `'${typeof watcher}'`,
      );
    }
    this.#watcher?.close();
    this.#watcher = watcher;
    deprecated("setChildWatcher");
  }
}

/** The loop with sockets of this platform. */
export const SelectorEventLoop: typeof _UnixSelectorEventLoop =
  _UnixSelectorEventLoop;
/** The loop with sockets of this platform. */
export type SelectorEventLoop = _UnixSelectorEventLoop;

/** The best loop of this platform, which `newEventLoop` makes. */
export const EventLoop: typeof _UnixSelectorEventLoop = _UnixSelectorEventLoop;
/** The best loop of this platform, which `newEventLoop` makes. */
export type EventLoop = _UnixSelectorEventLoop;

/** The policy in use unless another is set. */
export const DefaultEventLoopPolicy: typeof _UnixDefaultEventLoopPolicy =
  _UnixDefaultEventLoopPolicy;
/** The policy in use unless another is set. */
export type DefaultEventLoopPolicy = _UnixDefaultEventLoopPolicy;
