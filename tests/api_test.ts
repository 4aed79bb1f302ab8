/** Every public name of asyncio's kernel modules, against tests/api/asyncio.tsv. */

import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { describe, it } from "./_harness.ts";
import { expectedOf, mismatch, parametersOf } from "./_signature.ts";
import * as mod from "../mod.ts";
import * as base_events from "../base_events.ts";
import * as base_futures from "../base_futures.ts";
import * as base_subprocess from "../base_subprocess.ts";
import * as constants from "../constants.ts";
import * as coroutines from "../coroutines.ts";
import * as events from "../events.ts";
import * as exceptions from "../exceptions.ts";
import * as format_helpers from "../format_helpers.ts";
import * as futures from "../futures.ts";
import * as graph from "../graph.ts";
import * as locks from "../locks.ts";
import * as log from "../log.ts";
import * as proactor_events from "../proactor_events.ts";
import * as protocols from "../protocols.ts";
import * as queues from "../queues.ts";
import * as runners from "../runners.ts";
import * as selector_events from "../selector_events.ts";
import * as sslproto from "../sslproto.ts";
import * as staggered from "../staggered.ts";
import * as streams from "../streams.ts";
import * as subprocess from "../subprocess.ts";
import * as taskgroups from "../taskgroups.ts";
import * as tasks from "../tasks.ts";
import * as threads from "../threads.ts";
import * as timeouts from "../timeouts.ts";
import * as tools from "../tools.ts";
import * as transports from "../transports.ts";
import * as unix_events from "../unix_events.ts";
import * as windows_events from "../windows_events.ts";
import * as windows_utils from "../windows_utils.ts";
import * as trsock from "../trsock.ts";

const MODULES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  base_events,
  base_futures,
  base_subprocess,
  constants,
  coroutines,
  events,
  exceptions,
  format_helpers,
  futures,
  graph,
  locks,
  log,
  proactor_events,
  protocols,
  queues,
  runners,
  selector_events,
  sslproto,
  staggered,
  streams,
  subprocess,
  taskgroups,
  tasks,
  threads,
  timeouts,
  tools,
  transports,
  trsock,
  unix_events,
  windows_events,
  windows_utils,
};

/** What a layer that is not built yet owes: it must not be here yet. */
const OWED: ReadonlySet<string> = new Set([]);

/** What cannot mean anything in JavaScript, and why. */
const MEANINGLESS: Readonly<Record<string, string>> = {
  "events onFork": "there is no fork; a worker starts with no loop",
  "base_events ssl": "Python's ssl module, imported there",
  "selector_events ssl": "Python's ssl module, imported there",
  "selector_events SC_IOV_MAX": "no runtime writes several pieces at once",
  "sslproto ssl": "Python's ssl module, imported there",
  "sslproto SSLAgainErrors": "errors by which Python's ssl asks for more bytes",
  "exceptions IncompleteReadError.__reduce__": "there is no pickling",
  "exceptions LimitOverrunError.__reduce__": "there is no pickling",
  "unix_events AbstractChildWatcher.__init_subclass__":
    "a class is not told of its subclasses; its constructor warns",
  "windows_events IocpProactor.finishSocketFunc":
    "it reads an overlapped operation, which there is none of",
};

/** What asyncio does not export, or exports on the system that it is of. */
const OF_A_SYSTEM: ReadonlySet<string> = new Set([
  "windows_events SelectorEventLoop",
  "windows_events DefaultEventLoopPolicy",
  "windows_events EventLoop",
  "windows_utils pipe",
  "windows_utils PIPE",
  "windows_utils PipeHandle",
  "windows_utils Popen",
]);

/** Where the parameters differ on purpose. */
const OTHER_PARAMETERS: Readonly<Record<string, string>> = {
  "runners Runner.[Symbol.asyncDispose]": "disposal is told of no error",
  "events AbstractServer.[Symbol.asyncDispose]": "disposal is told of no error",
  "timeouts Timeout.with": "takes the body of the block",
  ...Object.fromEntries(
    [
      "AbstractChildWatcher",
      "SafeChildWatcher",
      "FastChildWatcher",
      "MultiLoopChildWatcher",
      "ThreadedChildWatcher",
      "PidfdChildWatcher",
    ].map((
      name,
    ) => [`unix_events ${name}.with`, "takes the body of the block"]),
  ),
  "windows_events ProactorEventLoop.constructor": "takes the platform, too",
  "windows_utils PipeHandle.[Symbol.dispose]": "disposal is told of no error",
  "taskgroups TaskGroup.with": "takes the body of the block",
  "taskgroups TaskGroup.constructor": "takes the limit",
  "locks Barrier.with": "takes the body of the block",
  "events TimerHandle.compare": "one method for six operators",
  "futures Future.[Symbol.iterator]": "the iterator protocol",
  "futures Future.then": "the protocol of await",
  "base_events BaseEventLoop.constructor": "takes the platform",
  "selector_events BaseSelectorEventLoop.constructor": "takes the platform",
  "proactor_events BaseProactorEventLoop.constructor": "takes the platform",
  "subprocess createSubprocessShell": "standard streams are options",
  "subprocess createSubprocessExec": "options come after the arguments",
  "trsock TransportSocket.getSockOpt": "an option's name tells its level",
  "trsock TransportSocket.setSockOpt": "an option's name tells its level",
  "events AbstractEventLoop.shutdownDefaultExecutor":
    "takes the timeout that BaseEventLoop's takes in CPython",
  "exceptions IncompleteReadError.constructor": "may take a cause at the end",
  "exceptions LimitOverrunError.constructor": "may take a cause at the end",
};

interface Row {
  readonly module: string;
  readonly kind: string;
  readonly signature: string;
  readonly inAll: string;
  readonly python: string;
  readonly ts: string;
}

const rows: Row[] = readFileSync(
  new URL("api/asyncio.tsv", import.meta.url),
  "utf8",
).split("\n").filter((line) => line !== "" && !line.startsWith("#")).slice(1)
  .map((line) => {
    const [module, python, kind, signature, , , inAll, ts] = line.split("\t");
    return {
      module: module!,
      python: python!,
      kind: kind!,
      signature: signature!,
      inAll: inAll!,
      ts: ts!,
    };
  }).filter((row) => row.module in MODULES);

const keyOf = (row: Row) => `${row.module} ${row.ts}`;

type AnyFunction = (...args: never[]) => unknown;

/** The member that a name such as `Task.cancel` stands for, or undefined. */
function find(
  exported: Readonly<Record<string, unknown>>,
  name: string,
): { value: unknown } | undefined {
  // `Task (FinalizationRegistry)`: the class does by that what __del__ did.
  const [top, ...rest] = name.replace(/ \(.*\)$/, "").split(".");
  if (!(top! in exported)) return undefined;
  const value = exported[top!];
  if (rest.length === 0) return { value };
  const member = rest.join(".");
  if (member === "constructor") return { value };
  const { prototype } = value as { prototype: object };
  const key = member.startsWith("[Symbol.")
    ? (Symbol as unknown as Record<string, symbol>)[member.slice(8, -1)]!
    : member;
  for (
    let at: object | null = prototype;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    const found = Object.getOwnPropertyDescriptor(at, key);
    if (found !== undefined) return { value: found.value ?? found.get };
  }
  const instance = INSTANCES[top!]?.();
  return instance !== undefined && key in instance
    ? { value: undefined }
    : undefined;
}

/** What has attributes that only its instances show. */
const INSTANCES: Readonly<Record<string, () => object>> = {
  BaseEventLoop: () => {
    const loop = new mod.BaseEventLoop();
    loop.close();
    return loop;
  },
  SSLProtocolState: () => sslproto.SSLProtocolState,
  AppProtocolState: () => sslproto.AppProtocolState,
  NodeType: () => tools.NodeType,
  CycleFoundException: () => new tools.CycleFoundException([], new Map()),
  WriteSubprocessPipeProto: () =>
    new base_subprocess.WriteSubprocessPipeProto(null as never, 0),
  SubprocessStreamProtocol: streamProtocol,
  Process: () =>
    new subprocess.Process(
      { getPid: () => 1 } as never,
      streamProtocol(),
      null as never,
    ),
  FrameCallGraphEntry: () => new graph.FrameCallGraphEntry({} as never),
  FutureCallGraph: () => new graph.FutureCallGraph({} as never, [], []),
  IncompleteReadError: () =>
    new exceptions.IncompleteReadError(new Uint8Array(1), 2),
  LimitOverrunError: () => new exceptions.LimitOverrunError("m", 1),
};

function streamProtocol(): subprocess.SubprocessStreamProtocol {
  const loop = new mod.BaseEventLoop();
  loop.close();
  return new subprocess.SubprocessStreamProtocol(1, loop);
}

const checked = rows.filter((row) =>
  !OWED.has(keyOf(row)) && !(keyOf(row) in MEANINGLESS)
);

describe("the table of names", () => {
  it("covers the modules of the kernel", () => {
    assert(rows.length > 250, `${rows.length} rows`);
    for (const name of Object.keys(MODULES)) {
      assert(rows.some((row) => row.module === name), name);
    }
  });

  it("knows every name of this file's lists", () => {
    const known = new Set(rows.map(keyOf));
    const lists = [
      ...OWED,
      ...Object.keys(MEANINGLESS),
      ...Object.keys(OTHER_PARAMETERS),
      ...OF_A_SYSTEM,
    ];
    assertEquals(lists.filter((key) => !known.has(key)), []);
  });
});

describe("public names", () => {
  it("stand in their modules", () => {
    const missing = checked.filter((row) =>
      find(MODULES[row.module]!, row.ts) === undefined
    );
    assertEquals(missing.map(keyOf), []);
  });

  it("stand in mod.ts where asyncio exports them", {
    // A bundle for browsers has a loop of its own, whose methods refuse.
    on: ["deno", "bun", "node"],
  }, () => {
    const exported = checked.filter((row) =>
      row.inAll !== "" && !OF_A_SYSTEM.has(keyOf(row))
    );
    assert(exported.length > 50);
    const missing = exported.filter((row) => find(mod, row.ts) === undefined);
    assertEquals(missing.map(keyOf), []);
    for (const row of exported) {
      assert(
        (mod as Record<string, unknown>)[row.ts] ===
          MODULES[row.module]![row.ts],
        `${keyOf(row)} is another in mod.ts`,
      );
    }
  });

  it("are of their kind", () => {
    const wrong = checked.filter((row) => {
      const found = find(MODULES[row.module]!, row.ts);
      if (found === undefined) return false; // told above
      switch (row.kind) {
        case "class":
        case "function":
        case "method":
          return typeof found.value !== "function";
        case "constant":
          return found.value === undefined;
        default:
          return false;
      }
    });
    assertEquals(wrong.map(keyOf), []);
  });

  it("take the parameters that their signatures mean", {
    // A bundle for browsers has a loop of its own, whose methods refuse.
    on: ["deno", "bun", "node"],
  }, () => {
    const wrong: string[] = [];
    for (const row of checked) {
      if (row.kind !== "function" && row.kind !== "method") continue;
      if (keyOf(row) in OTHER_PARAMETERS || row.ts.endsWith(")")) continue;
      const found = find(MODULES[row.module]!, row.ts);
      if (typeof found?.value !== "function") continue; // told above
      const problem = mismatch(found.value as AnyFunction, row.signature);
      if (problem !== null) {
        wrong.push(`${keyOf(row)}${row.signature} ${problem}`);
      }
    }
    assertEquals(wrong, []);
  });

  it("BaseEventLoop has its own of what AbstractEventLoop only declares", () => {
    const wrong = checked.filter((row) => {
      const [owner, member] = row.ts.split(".");
      if (owner !== "BaseEventLoop" || row.kind !== "method") return false;
      const base = mod.BaseEventLoop.prototype as object as Record<
        string,
        unknown
      >;
      const abstract = mod.AbstractEventLoop.prototype as object as Record<
        string,
        unknown
      >;
      return member! in abstract && base[member!] === abstract[member!];
    });
    assertEquals(wrong.map(keyOf), []);
  });

  it("of later layers are not there yet: strike them off the list", () => {
    const there = rows.filter((row) =>
      OWED.has(keyOf(row)) &&
      find(MODULES[row.module]!, row.ts) !== undefined
    );
    assertEquals(there.map(keyOf), []);
  });

  it("that mean nothing in JavaScript are not there", () => {
    const there = rows.filter((row) =>
      keyOf(row) in MEANINGLESS &&
      find(MODULES[row.module]!, row.ts) !== undefined
    );
    assertEquals(there.map(keyOf), []);
  });

  it("that mean nothing in JavaScript are in docs/differences.md", () => {
    const page = readFileSync(
      new URL("../docs/differences.md", import.meta.url),
      "utf8",
    );
    const section = /^## Names that are not there$([^]*?)(^## |(?![^]))/m
      .exec(page)?.[1] ?? "";
    for (const key of Object.keys(MEANINGLESS)) {
      const name = key.split(" ")[1]!;
      assert(section.includes(`\`${name}\``), `${name} is not in the section`);
    }
  });
});

describe("the comparison of parameters", () => {
  const cases: readonly [AnyFunction, string, boolean][] = [
    [(_a: never, _b: never) => {}, "(a, b=None)", true],
    [(_a: never) => {}, "(a, b=None)", false],
    [(_a: never, _b = 1) => {}, "(a, b=None)", true],
    [(_a = 1, _b = 2) => {}, "(a, b=None)", false],
    [(_a: never, _options: never) => {}, "(a, *, b=None, c=1)", true],
    [(_a: never, _b: never, _c: never) => {}, "(a, *, b=None, c=1)", false],
    [(_a: never, ..._args: never[]) => {}, "(a, *args, context=None)", true],
    [(_a: never, _args: never) => {}, "(a, *args)", false],
    [(_aws: never, _options: never) => {}, "(*coros_or_futures, x=1)", true],
    [(..._aws: never[]) => {}, "(*coros_or_futures, x=1)", false],
    [() => {}, "()", true],
    [(_a: never) => {}, "()", false],
    [(_a: never, _b: never) => {}, "(a, b, /)", true],
    [(_a: never, _b: never) => {}, "(a, **kwargs)", true],
    [(_a: never, _b = ",)") => {}, "(a, b=None)", true],
  ];

  for (const [i, [fn, signature, fits]] of cases.entries()) {
    it(`case ${i}: ${signature} ${fits ? "fits" : "does not fit"}`, () => {
      assertEquals(mismatch(fn, signature) === null, fits);
    });
  }

  it("reads methods and constructors", () => {
    class Base {
      constructor(_a: number, _b = [1, 2]) {}
      method(_x: number, { y = 1 }: { y?: number } = {}): number {
        return y;
      }
      async *generator(_x: number, ..._rest: number[]) {}
    }
    class Derived extends Base {}
    assertEquals(parametersOf(Base as never).count, 2);
    assertEquals(parametersOf(Derived as never).count, 2);
    assertEquals(parametersOf(Base.prototype.method as never), {
      count: 2,
      required: 1,
      rest: false,
    });
    assertEquals(parametersOf(Base.prototype.generator as never).rest, true);
    assertEquals(expectedOf("(a, b=f(1, 2), *, c)"), {
      count: 3,
      required: 1,
      rest: false,
    });
  });
});
