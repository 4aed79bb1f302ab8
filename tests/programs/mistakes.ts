// deno-lint-ignore-file no-console
/** One mistake of each kind that debug mode tells of; the lines are marked. */

import {
  type BaseEventLoop,
  createTask,
  DatagramProtocol,
  getRunningLoop,
  Lock,
  newEventLoop,
  Protocol,
  run,
  sleep,
  SubprocessProtocol,
} from "../../mod.ts";

function busy(seconds: number): void {
  const since = performance.now();
  while (performance.now() - since < seconds * 1000);
}

function slow(): void {
  busy(0.12);
}

async function both(first: Lock, second: Lock): Promise<void> {
  await first.acquire();
  await sleep(0);
  await second.acquire();
}

await run(async () => {
  const loop = getRunningLoop() as BaseEventLoop;
  sleep(1); // coroutine
  loop.callSoon(slow); // callback
  createTask(function* () {
    busy(0.12);
    yield* sleep(0.001); // step
  }, { name: "slow" });
  createTask(async () => { // failed
    throw new Error("lost");
  }, { name: "failed" });
  const deaf = createTask(async () => { // deaf
    try {
      await sleep(9);
    } catch { /* the mistake */ }
  }, { name: "deaf" });
  const other = newEventLoop();
  for (let i = 0; i < 3; i++) other.callSoon(slow); // other
  other.setDefaultExecutor({ // executor
    submit: (fn) => Promise.resolve(fn()),
    shutdown: () => {},
  });
  other.close();
  await sleep(0.01);
  deaf.cancel();
  // From here on the machine may be as slow as it likes.
  loop.slowCallbackDuration = 60;
  await loop.createServer(() => new Protocol(), "127.0.0.1", 0); // server
  await loop.createDatagramEndpoint( // transport
    () => new DatagramProtocol(),
    ["127.0.0.1", 0],
  );
  await loop.subprocessExec(() => new SubprocessProtocol(), "sleep", "3", { // process
    stdin: null,
    stdout: null,
    stderr: null,
  });
  const [a, b] = [new Lock(), new Lock()];
  createTask(() => both(a, b), { name: "A" });
  createTask(() => both(b, a), { name: "B" });
  await new Promise((resolve) => setTimeout(resolve, 1500));
});
console.log("over");
