/**
 * A SIGINT handler in C for Bun, compiled when first wanted. Bun has nothing else
 * that runs while JavaScript is busy: its workers receive no signals.
 */

import { builtin } from "./host.ts";
import { SIGINT } from "./sigaction.ts";

/**
 * Calls on to the handler that stood before, Bun's own, at each SIGINT. A second
 * one that comes more than 20 ms after one that JavaScript has not acknowledged
 * gets the default action. Declared by hand, so that no headers are needed.
 */
const SOURCE = `
typedef void (*handler_t)(int, void *, void *);
struct action {
  handler_t handler;
  unsigned long mask[16];
  int flags;
  void (*restorer)(void);
};
struct time { long seconds; long nanoseconds; };
int sigaction(int, const struct action *, struct action *);
int clock_gettime(int, struct time *);
int raise(int);

static struct action standing;
static volatile int pending;
static volatile long first;

static void on_signal(int number, void *info, void *context) {
  struct time t;
  clock_gettime(1, &t);
  long now = t.seconds * 1000 + t.nanoseconds / 1000000;
  if (!pending) {
    pending = 1;
    first = now;
  } else if (now - first > 20) {
    static struct action fatal;
    sigaction(number, &fatal, 0);
    raise(number);
    return;
  }
  standing.handler(number, info, context);
}

int guard_install(int number) {
  struct action ours;
  if (sigaction(number, 0, &standing) != 0) return -1;
  if ((unsigned long)standing.handler < 2) return -1;
  ours = standing;
  ours.handler = on_signal;
  pending = 0;
  return sigaction(number, &ours, 0);
}

void guard_acknowledge(void) { pending = 0; }
void guard_remove(int number) { sigaction(number, &standing, 0); }
`;

interface BunFfi {
  cc(options: {
    source: string;
    symbols: Record<string, { args: string[]; returns: string }>;
  }): { symbols: GuardSymbols };
}

interface GuardSymbols {
  guard_install(signal: number): number;
  guard_acknowledge(): void;
  guard_remove(signal: number): void;
}

interface FileSystem {
  mkdtempSync(prefix: string): string;
  writeFileSync(path: string, text: string): void;
  rmSync(path: string, options: { recursive: boolean; force: boolean }): void;
}

let compiled: GuardSymbols | null | undefined;

/** Compiles the handler: about 5 ms. Returns null where that fails. */
function compile(): GuardSymbols | null {
  const fs = builtin<FileSystem>("node:fs");
  const os = builtin<{ tmpdir(): string }>("node:os");
  const ffi = builtin<BunFfi>("bun:ffi");
  if (!fs || !os || typeof ffi?.cc !== "function") return null;
  let folder: string | undefined;
  try {
    // The compiler reads files only.
    folder = fs.mkdtempSync(`${os.tmpdir()}/asyncio-`);
    const source = `${folder}/guard.c`;
    fs.writeFileSync(source, SOURCE);
    return ffi.cc({
      source,
      symbols: {
        guard_install: { args: ["i32"], returns: "i32" },
        guard_acknowledge: { args: [], returns: "void" },
        guard_remove: { args: ["i32"], returns: "void" },
      },
    }).symbols;
  } catch {
    return null;
  } finally {
    try {
      if (folder !== undefined) {
        fs.rmSync(folder, { recursive: true, force: true });
      }
    } catch {
      // Out of file descriptors: a temporary folder stays, and the program lives on.
    }
  }
}

/** The installed handler. */
export interface CompiledGuard {
  /** Tells it that JavaScript has seen all signals so far. */
  acknowledge(): void;
  /** Puts the handler that stood before back. */
  remove(): void;
}

/** Whether the handler is there already, so that installing it costs nothing. */
export function isCompiled(): boolean {
  return compiled !== undefined && compiled !== null;
}

/** Puts the handler in front of the standing one; null where that fails. */
export function installGuard(): CompiledGuard | null {
  compiled ??= compiled === null ? null : compile();
  const guard = compiled;
  if (guard === null || guard.guard_install(SIGINT) !== 0) return null;
  return {
    acknowledge: () => guard.guard_acknowledge(),
    remove: () => guard.guard_remove(SIGINT),
  };
}
