/** Listens; a while later, which nothing else keeps alive, it closes or lets go. */

import process from "node:process";
import { platform } from "../../_platform/mod.ts";

const listener = await platform.sockets.listen({ host: "127.0.0.1", port: 0 });
listener.start(() => {}, () => {});
// deno-lint-ignore no-console
const print = console.log;
print("listening");
const timer = setTimeout(() => {
  print("done");
  if (process.argv[2] === "unref") listener.unref();
  else listener.close();
}, 100);
// Without the listener the process would end here.
(timer as unknown as { unref(): void }).unref();
