/**
 * Real sockets and pipes inside a virtual test: how many are open, and whether something came
 * from them. While they are busy the clock stands still.
 */

import type { Datagrams } from "../_platform/datagrams.ts";
import type { Pipes } from "../_platform/pipes.ts";
import type { StreamSockets } from "../_platform/sockets.ts";
import type { Tls, TlsHandler } from "../_platform/tls_types.ts";

/** Counts what is open in the real world. */
export class RealTraffic {
  /** How many sockets, pipes and engines are open. */
  open = 0;
  /** Grows with whatever comes from them. */
  beats = 0;
  readonly #rest: () => void;

  constructor(rest: () => void) {
    this.#rest = rest;
  }

  /** Sockets that count. */
  sockets(real: StreamSockets): StreamSockets {
    return {
      connect: async (to, signal) =>
        this.#counted(await real.connect(to, signal)),
      listen: async (at) => {
        const listener = await real.listen(at);
        this.#begin();
        let open = true;
        return proxied(listener, {
          start: (take: (socket: object) => void, onError: unknown) =>
            listener.start(
              (socket) => take(this.#counted(socket)),
              onError as (error: Error) => void,
            ),
          close: () => {
            if (open) this.#end();
            open = false;
            listener.close();
          },
        });
      },
      adopt: async (fd) => this.#counted(await real.adopt(fd)),
      removeSocketFile: (path) => real.removeSocketFile(path),
    };
  }

  /** Datagram sockets that count. */
  datagrams(real: Datagrams): Datagrams {
    return {
      open: async (options) => this.#counted(await real.open(options)),
    };
  }

  /** Pipes that count. */
  pipes(real: Pipes): Pipes {
    return {
      openRead: async (from, signal) =>
        this.#counted(await real.openRead(from, signal)),
      openWrite: async (to, signal) =>
        this.#counted(await real.openWrite(to, signal)),
    };
  }

  /** TLS engines that count: the runtimes' own work in real time. */
  tls(real: Tls): Tls {
    return {
      context: (credentials) => real.context(credentials),
      readText: (path) => real.readText(path),
      engine: (settings, handler) => {
        this.#begin();
        const engine = real.engine(settings, this.#heard(handler));
        let open = true;
        return proxied(engine, {
          destroy: () => {
            if (open) this.#end();
            open = false;
            engine.destroy();
          },
        });
      },
    };
  }

  #begin(): void {
    this.open++;
    this.beats++;
  }

  #end(): void {
    this.open--;
    this.beats++;
    this.#rest();
  }

  /** A socket whose owner's ears are shared. */
  #counted<S extends { attach(events: never): void }>(socket: S): S {
    this.#begin();
    let open = true;
    return proxied(socket, {
      attach: (events: object) => {
        const { onClose } = events as { onClose(error: Error | null): void };
        const shared = this.#heard(events, {
          onClose: (error: Error | null) => {
            if (open) this.#end();
            open = false;
            onClose.call(events, error);
          },
        });
        socket.attach(shared as never);
      },
    });
  }

  /** Ears that count a beat for each call. */
  #heard<E extends object | TlsHandler>(
    ears: E,
    own: Readonly<Record<string, unknown>> = {},
  ): E {
    return new Proxy(ears, {
      get: (target, name) => {
        this.beats++;
        const mine = own[name as string];
        if (mine !== undefined) return mine;
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

/** An object with some of its methods replaced. */
function proxied<T extends object>(
  target: T,
  own: Readonly<Record<string, unknown>>,
): T {
  return new Proxy(target, {
    get(_, name) {
      const mine = own[name as string];
      if (mine !== undefined) return mine;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
