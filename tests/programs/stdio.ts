/** Uses its standard streams as a test asks for. */

import process from "node:process";
import { openStdio, run, sleep } from "../../mod.ts";

const text = (data: Uint8Array) => new TextDecoder().decode(data);
const bytes = (what: string) => new TextEncoder().encode(what);

await run(async () => {
  const [reader, writer] = await openStdio();
  switch (process.argv[2]) {
    case "upper":
      for await (const line of reader) {
        writer.write(bytes(text(line).toUpperCase()));
        await writer.drain();
      }
      writer.write(bytes("eof\n"));
      break;
    case "once":
      writer.write(bytes(`got ${text(await reader.readLine())}`));
      await writer.drain();
      break;
    case "flood":
      for (let i = 0; i < 64; i++) {
        writer.write(new Uint8Array(100_000));
        await writer.drain();
      }
      break;
    case "refuse":
      try {
        for (;;) {
          writer.write(new Uint8Array(100_000));
          await writer.drain();
          await sleep(0);
        }
      } catch (error) {
        // Nobody reads the output any more; who reads the errors is told.
        process.stderr.write(`${(error as Error).name}\n`);
        return;
      }
  }
  writer.close();
  await writer.waitClosed();
});
