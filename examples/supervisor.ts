// deno-lint-ignore-file no-console
/**
 * Keeps programs running: starts each, passes on what it says line by line, and
 * starts it again when it fails, a little later each time. SIGTERM and Ctrl-C end
 * the programs in an orderly way, or by SIGKILL where they do not listen.
 *
 *     deno run --allow-run examples/supervisor.ts --grace=5 \
 *       'web=python3 -m http.server 8000' 'tick=while sleep 1; do date; done'
 */
import {
  CancelledError,
  createSubprocessShell,
  currentTask,
  DEVNULL,
  gather,
  getRunningLoop,
  moveOnAfter,
  PIPE,
  type Process,
  ProcessLookupError,
  run,
  shield,
  shielded,
  sleep,
  type StreamReader,
  TaskGroup,
} from "../mod.ts";
import { args, isMain } from "./_host.ts";

/** A program that is to run. */
export interface Program {
  readonly name: string;
  /** A command of the shell. */
  readonly command: string;
}

/** When programs are started again. */
export interface Policy {
  /** Seconds before the first restart; each further one waits twice as long. */
  readonly first: number;
  /** No restart waits longer than so many seconds. */
  readonly longest: number;
  /** A program that has run for so many seconds is taken to be well again. */
  readonly well: number;
  /** Failures in a row after which a program is given up. */
  readonly failures: number;
  /** Seconds from SIGTERM to SIGKILL. */
  readonly grace: number;
}

const POLICY: Policy = {
  first: 0.5,
  longest: 30,
  well: 10,
  failures: 10,
  grace: 5,
};

/** Tells a line about a program, or one that it said. */
export type Tell = (name: string, line: string) => void;

const decoder = new TextDecoder();

async function passOn(
  reader: StreamReader,
  mark: string,
  tell: (line: string) => void,
): Promise<void> {
  for await (const line of reader) {
    tell(mark + decoder.decode(line).trimEnd());
  }
}

/** Ends a process and waits for that. */
async function end(process: Process, grace: number): Promise<void> {
  try {
    process.terminate();
    const patience = moveOnAfter(grace);
    await patience.with(() => process.wait());
    if (patience.expired()) process.kill();
  } catch (error) {
    // It has just ended by itself.
    if (!(error instanceof ProcessLookupError)) throw error;
  }
  await process.wait();
}

/** Runs a program once and returns its code. */
async function runOnce(
  { name, command }: Program,
  { grace }: Policy,
  tell: Tell,
): Promise<number> {
  const process = await createSubprocessShell(command, {
    limit: 1 << 20,
    stdin: DEVNULL,
    stdout: PIPE,
    stderr: PIPE,
  });
  const say = (line: string) => tell(name, line);
  say(`[started as ${process.pid}]`);
  await using _closed = process;
  const said = gather([
    () => passOn(process.stdout!, "", say),
    () => passOn(process.stderr!, "! ", say),
  ]);
  try {
    // Shielded, since what it says when it is told to end is of interest, too.
    await shield(said);
    return await process.wait();
  } finally {
    // Left early by a cancellation, which must not leave the child behind.
    if (process.returncode === null) {
      await shielded(async () => {
        await end(process, grace);
        // A child of the child may hold the pipes for longer.
        await moveOnAfter(1).with(() => said);
        say(`[ended with ${process.returncode}]`);
      });
    }
  }
}

/**
 * Keeps one program running until it ends well, fails too often or the task is
 * cancelled.
 *
 * @returns Whether it has ended well.
 */
export async function keep(
  program: Program,
  policy: Policy,
  tell: Tell,
): Promise<boolean> {
  const loop = getRunningLoop();
  let failures = 0;
  for (;;) {
    const since = loop.time();
    const code = await runOnce(program, policy, tell);
    if (code === 0) {
      tell(program.name, "[done]");
      return true;
    }
    if (loop.time() - since >= policy.well) failures = 0;
    failures++;
    const pause = Math.min(
      policy.first * 2 ** (failures - 1),
      policy.longest,
    );
    if (failures >= policy.failures) {
      tell(program.name, `[failed with ${code}, given up]`);
      return false;
    }
    tell(program.name, `[failed with ${code}, again in ${pause} s]`);
    await sleep(pause);
  }
}

/** Keeps programs running until all have ended, or a signal comes. */
export async function main(
  programs: readonly Program[],
  policy: Policy = POLICY,
): Promise<void> {
  const loop = getRunningLoop();
  const self = currentTask()!;
  const widest = Math.max(...programs.map(({ name }) => name.length));
  const tell: Tell = (name, line) =>
    console.log(`${name.padEnd(widest)} | ${line}`);
  let stopped = false;
  loop.addSignalHandler("SIGTERM", () => {
    stopped = true;
    self.cancel();
  });
  try {
    await new TaskGroup().with((group) => {
      for (const program of programs) {
        group.createTask(() => keep(program, policy, tell), {
          name: program.name,
        });
      }
    });
  } catch (error) {
    if (!(stopped && error instanceof CancelledError)) throw error;
    // The request is fulfilled: the program ends here, and without an error.
    self.uncancel();
  } finally {
    loop.removeSignalHandler("SIGTERM");
  }
}

if (isMain(import.meta)) {
  const [first = ""] = args;
  const grace = first.startsWith("--grace=") ? Number(first.slice(8)) : null;
  const programs = args.slice(grace === null ? 0 : 1).map((arg): Program => {
    const at = arg.indexOf("=");
    return { name: arg.slice(0, at), command: arg.slice(at + 1) };
  });
  await run(() => main(programs, { ...POLICY, grace: grace ?? POLICY.grace }));
}
