/**
 * libc's sigaction, through a runtime's foreign function interface. With it the
 * kernel itself ends a program whose JavaScript is too busy to see a Ctrl-C.
 */

/** Reads and writes what a signal does; returns 0 if it could. */
export interface SignalLibrary {
  sigaction(
    signal: number,
    action: Uint8Array | null,
    previous: Uint8Array | null,
  ): number;
  /** Unloads it. */
  close(): void;
}

/** The number of SIGINT. */
export const SIGINT = 2;

/** The names under which Linux has a C library: glibc, then musl. */
export const LIBC: readonly string[] = ["libc.so.6", "libc.so"];

// struct sigaction, the same in glibc and musl on 64-bit Linux: the handler's
// address, a mask of 128 bytes, the flags, the restorer.
const SIZE = 152;
const FLAGS = 136;
const RESETHAND = 0x80000000;
const IGNORE = 1n;

/** Whether `struct sigaction` looks here as this file takes it to. */
export function knowsLayout(os: string, arch: string): boolean {
  return os === "linux" && ["x64", "x86_64", "arm64", "aarch64"].includes(arch);
}

function readAction(lib: SignalLibrary): Uint8Array | undefined {
  const action = new Uint8Array(SIZE);
  return lib.sigaction(SIGINT, null, action) === 0 ? action : undefined;
}

function handlerOf(action: Uint8Array): bigint {
  return new DataView(action.buffer).getBigUint64(0, true);
}

/** Whether the process was started with SIGINT ignored, as `&` in a script does. */
export function isIgnored(lib: SignalLibrary): boolean {
  const action = readAction(lib);
  return action !== undefined && handlerOf(action) === IGNORE;
}

/**
 * The runtime's own SIGINT handler, made to serve once: the kernel goes back to
 * the default action as it calls the handler, so the next SIGINT ends the program
 * unless JavaScript has seen the first by then and called `arm` again.
 */
export class OneShotAction {
  readonly #lib: SignalLibrary;
  readonly #plain: Uint8Array;
  readonly #once: Uint8Array;

  private constructor(lib: SignalLibrary, plain: Uint8Array) {
    this.#lib = lib;
    this.#plain = plain;
    this.#once = plain.slice();
    const view = new DataView(this.#once.buffer);
    view.setUint32(
      FLAGS,
      (view.getUint32(FLAGS, true) | RESETHAND) >>> 0,
      true,
    );
  }

  /** Takes hold of the handler that is installed now, if there is one. */
  static of(lib: SignalLibrary): OneShotAction | undefined {
    const action = readAction(lib);
    if (action === undefined || handlerOf(action) <= IGNORE) return undefined;
    return new OneShotAction(lib, action);
  }

  /** Installs the handler for one signal. */
  arm(): void {
    this.#lib.sigaction(SIGINT, this.#once, null);
  }

  /** Installs the handler as the runtime had it. */
  release(): void {
    this.#lib.sigaction(SIGINT, this.#plain, null);
  }
}
