/** What is loaded late otherwise, for whoever cannot wait for it. */

import { bunIo } from "./bun_io.ts";
import { denoIo } from "./deno_io.ts";
import { bringIo } from "./late_io.ts";
import { platform } from "./mod.ts";
import { nodeIo } from "./node_io.ts";

const { runtime } = platform;
if (runtime === "deno") bringIo(denoIo());
else if (runtime === "bun") bringIo(bunIo());
else if (runtime === "node") bringIo(nodeIo());
