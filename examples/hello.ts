// deno-lint-ignore-file no-console
/**
 * A first asyncio program: tasks that run side by side, results that keep their
 * types, and a time limit. It needs no permissions.
 *
 *     deno run examples/hello.ts
 *     bun examples/hello.ts
 */
import {
  coroutine,
  gather,
  run,
  sleep,
  timeout,
  TimeoutError,
} from "../mod.ts";

const greet = coroutine(async (name: string, seconds: number) => {
  await sleep(seconds);
  console.log(`hello ${name}`);
  return name.length;
});

const answer = coroutine(async () => {
  await sleep(0.02);
  return { ready: true };
});

await run(async () => {
  // Both greetings sleep at the same time, and the shorter sleep ends first.
  const [slow, quick, status] = await gather([
    greet("world", 0.1),
    greet("asyncio", 0.05),
    answer(),
  ]);
  console.log(`${slow + quick} letters, ready: ${status.ready}`);

  try {
    await timeout(0.05).with(async () => {
      await greet("nobody", 60);
    });
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    console.log("too slow: cancelled after 0.05 s");
  }
});
