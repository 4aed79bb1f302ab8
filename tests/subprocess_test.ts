/** Child processes with streams: what they are given, and what comes back. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createSubprocessExec,
  createSubprocessShell,
  DEVNULL,
  FileNotFoundError,
  getRunningLoop,
  NotADirectoryError,
  NotImplementedError,
  PermissionError,
  PIPE,
  type ProcessOptions,
  STDOUT,
  StreamReader,
  StreamWriter,
  SubprocessProtocol,
} from "../mod.ts";
import { describe, it, runtime } from "./_harness.ts";
import { both } from "./_spell.ts";
import { bytes, has, inLoop, isRoot, text, thrown } from "./_processes.ts";

const piped = { stdin: PIPE, stdout: PIPE, stderr: PIPE } as const;

/** What a shell command writes. */
async function output(
  cmd: string,
  options: ProcessOptions = {},
): Promise<string> {
  const proc = await createSubprocessShell(cmd, { stdout: PIPE, ...options });
  return text((await proc.communicate())[0])!;
}

describe("communicate", () => {
  it(
    "writes the input and reads output and errors",
    inLoop(async () => {
      const proc = await createSubprocessExec(
        "sh",
        "-c",
        "cat; echo oops >&2; exit 3",
        piped,
      );
      assert(proc.stdin instanceof StreamWriter);
      assert(proc.stdout instanceof StreamReader);
      assert(proc.stderr instanceof StreamReader);
      assertStrictEquals(proc.returncode, null);
      const [out, errors] = await proc.communicate(bytes("hello"));
      assertEquals([text(out), text(errors)], ["hello", "oops\n"]);
      assertEquals(proc.returncode, 3);
      assertEquals(String(proc), `<Process ${proc.pid}>`);
    }),
  );

  it(
    "of a megabyte each way does not block",
    inLoop(async () => {
      const proc = await createSubprocessExec("cat", piped);
      const input = new Uint8Array(1_000_000).map((_, i) => i * 31);
      const [out, errors] = await proc.communicate(input);
      assertEquals([out!.length, errors!.length], [input.length, 0]);
      assert(out!.every((byte, i) => byte === input[i]));
    }),
  );

  it(
    "gives null for what is no pipe",
    inLoop(async () => {
      const proc = await createSubprocessExec("true", { stdout: PIPE });
      assertEquals([proc.stdin, proc.stderr], [null, null]);
      const [out, errors] = await proc.communicate();
      assertEquals([out!.length, errors], [0, null]);
    }),
  );

  it(
    "behaviour 74: without input it still closes stdin",
    inLoop(async () => {
      for (const input of [undefined, null, new Uint8Array(0)]) {
        const proc = await createSubprocessExec("cat", piped);
        await proc.communicate(input);
        assertEquals(proc.returncode, 0);
      }
    }),
  );

  it(
    "behaviour 74: a child that does not read is no error",
    inLoop(async () => {
      const proc = await createSubprocessShell("exec 0<&-; echo done", piped);
      const [out] = await proc.communicate(new Uint8Array(1_000_000));
      assertEquals([text(out), proc.returncode], ["done\n", 0]);
    }),
  );

  it(
    "twice gives nothing the second time",
    inLoop(async () => {
      const proc = await createSubprocessExec("echo", "once", piped);
      assertEquals(text((await proc.communicate())[0]), "once\n");
      const [out, errors] = await proc.communicate();
      assertEquals([out!.length, errors!.length], [0, 0]);
    }),
  );

  it(
    "through python3, where there is one",
    {
      skip: !has("python3"),
    },
    inLoop(async () => {
      const proc = await createSubprocessExec(
        "python3",
        "-c",
        "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit(7)",
        piped,
      );
      const [out] = await proc.communicate(bytes("loud"));
      assertEquals([text(out), proc.returncode], ["LOUD", 7]);
    }),
  );
});

describe("in both spellings", () => {
  both("a process can be talked to", function* () {
    const proc = yield* createSubprocessExec("cat", {
      stdin: PIPE,
      stdout: PIPE,
    });
    proc.stdin!.write(bytes("one\ntwo\n"));
    yield* proc.stdin!.drain();
    assertEquals(text(yield* proc.stdout!.readLine()), "one\n");
    assertEquals(text(yield* proc.stdout!.readLine()), "two\n");
    proc.stdin!.close();
    yield* proc.stdin!.waitClosed();
    assertEquals(yield* proc.wait(), 0);
    assertEquals((yield* proc.stdout!.read()).length, 0);
  });
});

describe("standard streams", () => {
  it(
    "behaviour 74: STDOUT merges errors into the output, in order",
    inLoop(async () => {
      const proc = await createSubprocessShell(
        "echo $$; echo a; echo b >&2; echo c",
        { stdout: PIPE, stderr: STDOUT },
      );
      assertStrictEquals(proc.stderr, null);
      const [out, errors] = await proc.communicate();
      assertEquals(text(out), `${proc.pid}\na\nb\nc\n`);
      assertStrictEquals(errors, null);
    }),
  );

  it(
    "merged, a program that is not there is still an error",
    inLoop(async () => {
      for (const program of ["no-such-program", "/no/such/program"]) {
        const error = await thrown(() =>
          createSubprocessExec(program, { stdout: PIPE, stderr: STDOUT })
        );
        assert(error instanceof FileNotFoundError, String(error));
        assertEquals(error.filename, program);
      }
    }),
  );

  it(
    "DEVNULL reads as empty and swallows",
    inLoop(async () => {
      const proc = await createSubprocessShell("cat; echo lost; echo $? >&2", {
        stdin: DEVNULL,
        stdout: DEVNULL,
        stderr: PIPE,
      });
      assertEquals(text((await proc.communicate())[1]), "0\n");
      const quiet = await createSubprocessShell("echo a; echo b >&2", {
        stdout: DEVNULL,
        stderr: STDOUT,
      });
      assertEquals(await quiet.wait(), 0);
    }),
  );

  it(
    "may be files of ours",
    inLoop(async () => {
      const folder = mkdtempSync(join(tmpdir(), "sub-"));
      const path = join(folder, "out");
      const fd = openSync(path, "w");
      try {
        const proc = await createSubprocessShell("echo a; echo b >&2", {
          stdout: fd,
          stderr: STDOUT,
        });
        await proc.wait();
        const again = await createSubprocessShell("echo c", { stdout: { fd } });
        await again.wait();
        assertEquals(readFileSync(path, "utf8"), "a\nb\nc\n");
        const read = openSync(path, "r");
        const cat = await createSubprocessExec("cat", {
          stdin: read,
          stdout: PIPE,
        });
        assertEquals(text((await cat.communicate())[0]), "a\nb\nc\n");
        closeSync(read);
      } finally {
        closeSync(fd);
        rmSync(folder, { recursive: true });
      }
    }),
  );

  it(
    "descriptors above 2 are passed on under their numbers",
    inLoop(async () => {
      const folder = mkdtempSync(join(tmpdir(), "sub-"));
      const path = join(folder, "out");
      const fd = openSync(path, "w");
      try {
        const proc = await createSubprocessShell(
          `echo passed > /proc/self/fd/${fd}`,
          {
            passFds: [fd],
            stdout: PIPE,
          },
        );
        const [out] = await proc.communicate();
        assertEquals([text(out), proc.returncode], ["", 0]);
        assertEquals(readFileSync(path, "utf8"), "passed\n");
      } finally {
        closeSync(fd);
        rmSync(folder, { recursive: true });
      }
    }),
  );
});

describe("options", () => {
  it(
    "cwd, as a path and as a URL",
    inLoop(async () => {
      assertEquals(await output("pwd", { cwd: "/" }), "/\n");
      const folder = mkdtempSync(join(tmpdir(), "sub-"));
      try {
        const cwd = pathToFileURL(folder);
        assert((await output("pwd", { cwd })).includes("sub-"));
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );

  it(
    "env is the whole environment",
    inLoop(async () => {
      const env = { PATH: "/bin:/usr/bin", OWN: "a b" };
      const lines = (await output("env", { env })).split("\n");
      assert(lines.includes("OWN=a b"));
      assert(!lines.some((line) => line.startsWith("HOME=")));
      assert((await output("env")).includes("PATH="));
    }),
  );

  it(
    "env arrives as it is where streams are merged, and with a umask",
    inLoop(async () => {
      const given: Record<string, string> = {
        A: "1",
        "B.x-y": "2 3",
        "7": "seven",
        IFS: ":",
        PS1: "'$(false)\"",
        OPTIND: "7",
      };
      const ways: ProcessOptions[] = [{ stderr: STDOUT }, { umask: 0o22 }];
      for (const PWD of [undefined, "/not/here"]) {
        const env = PWD === undefined ? given : { ...given, PWD };
        for (const way of ways) {
          const proc = await createSubprocessExec("/usr/bin/env", {
            stdout: PIPE,
            env,
            ...way,
          });
          const lines = text((await proc.communicate())[0])!.trim().split("\n");
          assertEquals(
            lines.sort(),
            Object.entries(env).map(([name, value]) => `${name}=${value}`)
              .sort(),
          );
        }
      }
    }),
  );

  it(
    "our own environment arrives as it is where streams are merged",
    inLoop(async () => {
      const read = async (stderr: number) => {
        const proc = await createSubprocessExec("/usr/bin/env", {
          stdout: PIPE,
          stderr,
        });
        const lines = text((await proc.communicate())[0])!.split("\n");
        return lines.filter((line) => !line.startsWith("_=")).sort();
      };
      assertEquals(await read(STDOUT), await read(DEVNULL));
    }),
  );

  it(
    "startNewSession: a session and a group of its own",
    inLoop(async () => {
      const own = await createSubprocessShell("ps -o sid= -o pgid= -p $$", {
        stdout: PIPE,
        startNewSession: true,
      });
      const [out] = await own.communicate();
      assertEquals(text(out)!.trim().split(/\s+/), [
        `${own.pid}`,
        `${own.pid}`,
      ]);
    }),
  );

  it(
    "umask, alone and with merged streams",
    inLoop(async () => {
      assertEquals((await output("umask", { umask: 0o27 })).slice(-4), "027\n");
      assertEquals(
        (await output("umask >&2", { umask: 0o77, stderr: STDOUT })).slice(-4),
        "077\n",
      );
    }),
  );

  it(
    "user and group, by name and by number",
    { skip: !isRoot },
    inLoop(async () => {
      assertEquals(await output("id -u", { user: 12345 }), "12345\n");
      assertEquals(await output("id -g", { group: 12345 }), "12345\n");
      assertEquals(await output("id -g", { group: "root" }), "0\n");
      assertEquals(await output("id -un", { user: "nobody" }), "nobody\n");
    }),
  );

  it(
    "executable: the program under another name",
    inLoop(async () => {
      const proc = await createSubprocessExec("called", "-c", "echo $0", {
        executable: "/bin/sh",
        stdout: PIPE,
      });
      assertEquals(text((await proc.communicate())[0]), "called\n");
      const shell = await output("echo $0", { executable: "/bin/sh" });
      assertEquals(shell, "/bin/sh\n");
    }),
  );

  it(
    "limit is the limit of the readers",
    inLoop(async () => {
      const proc = await createSubprocessExec("echo", "x".repeat(50), {
        stdout: PIPE,
        limit: 10,
      });
      assert(await thrown(() => proc.stdout!.readLine()) instanceof RangeError);
      await proc.wait();
    }),
  );
});

describe("what is refused", () => {
  const refusals: readonly [object, string][] = [
    [{ universalNewlines: true }, "universal_newlines must be False"],
    [{ bufsize: 4096 }, "bufsize must be 0"],
    [{ text: true }, "text must be False"],
    [{ encoding: "utf8" }, "encoding must be None"],
    [{ errors: "strict" }, "errors must be None"],
    [{ stdout: STDOUT }, "STDOUT can only be used for stderr"],
    [{ env: { "A=B": "c" } }, "illegal environment variable name"],
    [{ env: { A: "\0" } }, "embedded null byte"],
  ];
  for (const [options, message] of refusals) {
    it(
      `behaviour 74: ${message}`,
      inLoop(async () => {
        for (
          const call of [
            () => createSubprocessExec("true", options),
            () => createSubprocessShell("true", options),
          ]
        ) {
          const error = await thrown(call);
          assert(error instanceof RangeError, String(error));
          assertEquals(error.message, message);
        }
      }),
    );
  }

  it(
    "behaviour 74: shell has to be what the function does",
    inLoop(async () => {
      const exec = await thrown(() =>
        createSubprocessExec("true", { shell: true })
      );
      assertEquals(exec.message, "shell must be False");
      const shell = await thrown(() =>
        createSubprocessShell("true", { shell: false })
      );
      assertEquals(shell.message, "shell must be True");
      const loop = getRunningLoop();
      const list = await thrown(() =>
        loop.subprocessShell(() => new SubprocessProtocol(), 5 as never)
      );
      assertEquals(list.message, "cmd must be a string");
    }),
  );

  it(
    "what no runtime can do says so",
    inLoop(async () => {
      for (
        const options of [
          { processGroup: 0 },
          { extraGroups: [1] },
          { preexecFn: () => {} },
          { closeFds: false },
        ]
      ) {
        const error = await thrown(() =>
          createSubprocessExec("true", options as ProcessOptions)
        );
        assert(error instanceof NotImplementedError, String(error));
      }
    }),
  );

  it(
    "wrong types and unknown options",
    inLoop(async () => {
      const wrong: readonly (() => unknown)[] = [
        () => createSubprocessExec("true", 5 as unknown as string),
        () => createSubprocessExec(null as unknown as string),
        () => createSubprocessExec("true", { stdin: "pipe" as never }),
        () => createSubprocessExec("true", { stdn: PIPE } as ProcessOptions),
        () => createSubprocessExec("true", { env: { A: 5 as never } }),
        () => createSubprocessExec(new URL("http://localhost/true")),
      ];
      for (const call of wrong) {
        assert(await thrown(call) instanceof TypeError, String(call));
      }
      assert(
        await thrown(() => createSubprocessExec("true", "a\0b")) instanceof
          RangeError,
      );
      assert(
        await thrown(() =>
          createSubprocessExec("true", { passFds: [1] })
        ) instanceof
          RangeError,
      );
      assert(
        await thrown(() =>
          createSubprocessExec("true", { user: "no such" })
        ) instanceof
          RangeError,
      );
    }),
  );

  it(
    "no such program, and one that may not be run",
    inLoop(async () => {
      for (const program of ["/no/such", "no-such-program"]) {
        const error = await thrown(() => createSubprocessExec(program));
        assert(error instanceof FileNotFoundError, String(error));
        assertEquals([error.code, error.filename], ["ENOENT", program]);
        // Node tells of its own error too late.
        assert(runtime === "node" || error.cause !== undefined);
      }
      const error = await thrown(() =>
        createSubprocessExec("/etc/passwd", piped)
      );
      assert(error instanceof PermissionError, String(error));
      assertEquals([error.code, error.filename], ["EACCES", "/etc/passwd"]);
    }),
  );

  it(
    "a bad cwd is named",
    inLoop(async () => {
      const gone = await thrown(() =>
        createSubprocessExec("true", { cwd: "/no" })
      );
      assert(gone instanceof FileNotFoundError, String(gone));
      assertEquals(gone.filename, "/no");
      const empty = await thrown(() =>
        createSubprocessExec("true", { cwd: "" })
      );
      assert(empty instanceof FileNotFoundError, String(empty));
      assertEquals([empty.code, empty.filename], ["ENOENT", ""]);
      const file = await thrown(() =>
        createSubprocessExec("true", { cwd: "/etc/passwd" })
      );
      assert(file instanceof NotADirectoryError, String(file));
      assertEquals(file.filename, "/etc/passwd");
    }),
  );

  it(
    "Deno's refusal is a PermissionError",
    {
      on: ["deno"],
      permissions: { run: false, read: true, env: true },
    },
    inLoop(async () => {
      const error = await thrown(() => createSubprocessExec("true", piped));
      assert(error instanceof PermissionError, String(error));
      assert(error.message.includes("--allow-run"), error.message);
    }),
  );
});
