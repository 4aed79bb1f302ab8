// deno-lint-ignore-file no-console
/**
 * Child processes against the runtime's own API, in one run and in turns: `processes.ts
 * spawn [COUNT]` starts /bin/true and waits; `processes.ts cat [MEGABYTES]` sends bytes
 * through cat; `processes.ts soak [COUNT]` spawns with random cancels, kills and closed
 * pipes, and looks for what was left.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import {
  createSubprocessExec,
  DEVNULL,
  gather,
  PIPE,
  type Process,
  run,
  sleep,
  waitFor,
} from "../mod.ts";

const MB = 1e6;
const CHUNK = 256 * 1024;

interface Stream {
  readonly readable: ReadableStream<Uint8Array>;
  /** Writes all of it, then closes. */
  send(chunk: Uint8Array, count: number): Promise<void>;
  readonly ended: Promise<unknown>;
}

interface Own {
  true(): Promise<unknown>;
  cat(): Stream;
}

const g = globalThis as unknown as {
  Deno?: typeof Deno;
  Bun?: {
    spawn(command: string[], options?: object): {
      readonly exited: Promise<number>;
      readonly stdout: ReadableStream<Uint8Array>;
      readonly stdin: {
        write(data: Uint8Array): number | Promise<number>;
        flush(): number | Promise<number>;
        end(): unknown;
      };
    };
  };
};

function own(): Own {
  const { Bun: bun, Deno: deno } = g;
  if (bun !== undefined) {
    return {
      true: () =>
        bun.spawn(["/bin/true"], { stdio: ["ignore", "ignore", "ignore"] })
          .exited,
      cat() {
        const child = bun.spawn(["cat"], { stdin: "pipe", stdout: "pipe" });
        return {
          readable: child.stdout,
          ended: child.exited,
          async send(chunk, count) {
            for (let i = 0; i < count; i++) {
              await child.stdin.write(chunk);
              await child.stdin.flush();
            }
            await child.stdin.end();
          },
        };
      },
    };
  }
  const { Command } = deno!;
  return {
    true: () =>
      new Command("/bin/true", {
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn().status,
    cat() {
      const child = new Command("cat", { stdin: "piped", stdout: "piped" })
        .spawn();
      return {
        readable: child.stdout,
        ended: child.status,
        async send(chunk, count) {
          const writer = child.stdin.getWriter();
          for (let i = 0; i < count; i++) await writer.write(chunk);
          await writer.close();
        },
      };
    },
  };
}

const median = (list: readonly number[]): number =>
  list.toSorted((a, b) => a - b)[list.length >> 1]!;

async function timed(body: () => PromiseLike<unknown>): Promise<number> {
  const start = performance.now();
  await body();
  return performance.now() - start;
}

async function benchSpawn(count: number): Promise<void> {
  const native = own();
  const ours = async () => {
    const proc = await createSubprocessExec("/bin/true", {
      stdin: DEVNULL,
      stdout: DEVNULL,
      stderr: DEVNULL,
    });
    await proc.wait();
  };
  const times: [own: number[], ours: number[]] = [[], []];
  await run(async () => {
    for (let i = -100; i < count; i++) {
      const [a, b] = i % 2 === 0
        ? [await timed(native.true), await timed(ours)]
        : [await timed(ours), await timed(native.true)].toReversed();
      if (i < 0) continue;
      times[0].push(a!);
      times[1].push(b!);
    }
  });
  const [a, b] = [median(times[0]), median(times[1])];
  console.log(
    `spawn and wait: own ${a.toFixed(2)} ms, library ${b.toFixed(2)} ms, ` +
      `ratio ${(b / a).toFixed(2)} (at most 1.20)`,
  );
}

async function benchCat(megabytes: number): Promise<void> {
  const native = own();
  const count = Math.round(megabytes * MB / CHUNK);
  const total = count * CHUNK;
  const chunk = new Uint8Array(CHUNK);
  const expect = (size: number) => {
    if (size !== total) throw new Error(`${size} bytes came of ${total}`);
  };
  const plain = async () => {
    const { readable, send, ended } = native.cat();
    const sent = send(chunk, count);
    let size = 0;
    for await (const part of readable) size += part.length;
    expect(size);
    await Promise.all([sent, ended]);
  };
  const ours = async () => {
    const proc = await createSubprocessExec("cat", {
      stdin: PIPE,
      stdout: PIPE,
    });
    const stdin = proc.stdin!;
    const send = async () => {
      for (let i = 0; i < count; i++) {
        stdin.write(chunk);
        await stdin.drain();
      }
      stdin.close();
    };
    const sent = send();
    let size = 0;
    let part: Uint8Array;
    while ((part = await proc.stdout!.read(CHUNK)).length > 0) {
      size += part.length;
    }
    expect(size);
    await sent;
    await proc.wait();
  };
  const times: [own: number[], ours: number[]] = [[], []];
  const ratios: number[] = [];
  let first = 0;
  await run(async () => {
    for (let i = 0; i < 6; i++) {
      const [a, b] = i % 2 === 0
        ? [await timed(plain), await timed(ours)]
        : [await timed(ours), await timed(plain)].toReversed();
      // Its code is compiled while it runs: it shows how a single use fares.
      if (i === 0) first = a! / b!;
      else {
        times[0].push(a!);
        times[1].push(b!);
        ratios.push(a! / b!);
      }
    }
  });
  const [a, b] = times.map((list) => total / MB / (median(list) / 1000));
  const rss = Math.round(process.memoryUsage().rss / MB);
  console.log(
    `${Math.round(total / MB)} MB through cat: own ${a!.toFixed(0)} MB/s, ` +
      `library ${b!.toFixed(0)} MB/s, ratio ${median(ratios).toFixed(2)} ` +
      `(at least 0.70), in the first round ${first.toFixed(2)}, RSS ${rss} MB`,
  );
}

/** What the process has open, and which of its children are zombies. */
function left(): { fds: number; children: string[] } {
  const pid = process.pid;
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "latin1");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2)
          .split(" ");
        return parent === String(pid) ? [`${name} ${state}`] : [];
      } catch {
        return [];
      }
    });
  return { fds: readdirSync("/proc/self/fd").length, children };
}

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let x = seed >>> 0;
  return (sides) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor(x / 2 ** 32 * sides);
  };
}

/** One life of a child, by the dice. */
export async function oneChild(roll: (sides: number) => number): Promise<void> {
  const commands: readonly (readonly string[])[] = [
    ["true"],
    ["cat"],
    ["sleep", "5"],
    ["sh", "-c", "head -c 300000 /dev/zero"],
    ["sh", "-c", "exec 0<&-; sleep 0.01"],
    ["sh", "-c", "echo x; exit 3"],
  ];
  const [program, ...args] = commands[roll(commands.length)]!;
  const pipe = () => [PIPE, PIPE, DEVNULL][roll(3)]!;
  const streams = { stdin: pipe(), stdout: pipe(), stderr: pipe() };
  const pause = roll(3);
  const end = roll(6);
  const size = roll(200_000);
  const use = async (proc: Process) => {
    await using _closed = proc;
    if (pause > 0) await sleep(pause / 1000);
    try {
      if (end === 0) proc.kill();
      else if (end === 1) proc.terminate();
    } catch {
      // It has ended already.
    }
    if (end === 2) proc.stdin?.close();
    else if (end === 3) return;
    await waitFor(proc.communicate(new Uint8Array(size)), 0.05);
  };
  try {
    if (end === 4) {
      // Cancelled in the middle of the start, or soon after.
      await waitFor(
        async () => use(await createSubprocessExec(program!, ...args, streams)),
        roll(4) / 1000,
      );
    } else await use(await createSubprocessExec(program!, ...args, streams));
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
  }
}

async function soak(count: number): Promise<void> {
  const roll = dice(5);
  await run(() => oneChild(dice(1)));
  const before = left();
  const start = performance.now();
  await run(async () => {
    for (let i = 0; i < count; i += 4) {
      await gather([1, 2, 3, 4].map(() => () => oneChild(roll)));
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const after = left();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `soak: ${count} children in ${seconds} s, descriptors ${before.fds} -> ` +
      `${after.fds}, children left: ${after.children.join(", ") || "none"}, ` +
      `RSS ${Math.round(process.memoryUsage().rss / MB)} MB`,
  );
  if (after.children.length > 0 || after.fds > before.fds + 2) {
    process.exitCode = 1;
  }
}

if (import.meta.main) {
  const [what, number] = process.argv.slice(2);
  const count = Number(number ?? 0);
  if (what === "spawn") await benchSpawn(count || 300);
  else if (what === "cat") await benchCat(count || 1000);
  else if (what === "soak") await soak(count || 2000);
  else {
    console.error("usage: processes.ts spawn|cat|soak [NUMBER]");
    process.exitCode = 2;
  }
}
