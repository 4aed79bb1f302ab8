/** What a test left open. */

import { coroutineName } from "../base_tasks.ts";
import { showAddress } from "../_platform/addresses.ts";
import type { SocketAddress } from "../_platform/sockets.ts";
import { formatCallback } from "../format_helpers.ts";
import type { TestLoop } from "./loop.ts";
import { showTask, siteOf } from "./waits.ts";
import { allTasks } from "../tasks.ts";
import type { BaseTransport } from "../transports.ts";

/** One line for each thing that is open. */
export function findLeaks(
  loop: TestLoop,
  ignored: ReadonlySet<unknown>,
): string[] {
  const lines: string[] = [];
  const sites = loop._sites;
  for (const task of allTasks(loop)) {
    if (ignored.has(task)) continue;
    const name = coroutineName(task.getCoro());
    lines.push(`${showTask(task)} (${name}) still runs${siteOf(sites, task)}`);
  }
  for (const timer of loop._own) {
    if (!timer._scheduled || timer._cancelled || ignored.has(timer)) continue;
    const what = timer._callback === null
      ? "a callback"
      : formatCallback(timer._callback, timer._args ?? []);
    lines.push(
      `a timer for ${what} is due at ${timer._when} s${siteOf(sites, timer)}`,
    );
  }
  for (const server of loop._servers) {
    if (ignored.has(server) || !server.isServing()) continue;
    lines.push(`${server} still serves${siteOf(sites, server)}`);
  }
  for (const child of loop._processes) {
    if (ignored.has(child) || child.getReturncode() !== null) continue;
    lines.push(
      `the process ${child.getPid()} still runs${siteOf(sites, child)}`,
    );
  }
  for (const transport of loop._transports) {
    if (ignored.has(transport)) continue;
    lines.push(
      `${shown(transport)} is open${siteOf(sites, transport)}`,
    );
  }
  for (const [executor, over] of loop._executors) {
    if (over || ignored.has(executor)) continue;
    lines.push(
      `${executor.constructor.name} was not shut down${
        siteOf(sites, executor)
      }`,
    );
  }
  return lines;
}

function shown(transport: object): string {
  const { getExtraInfo } = transport as Partial<BaseTransport>;
  const name = transport.constructor.name.replace(/^_(Selector)?/, "");
  if (typeof getExtraInfo !== "function") return `a ${name}`;
  const ask = (key: string) =>
    getExtraInfo.call(transport, key) as SocketAddress | null;
  const [near, far] = [ask("sockname"), ask("peername")];
  const ends = [near, far].filter((end) => end !== null).map(showAddress);
  return ["a", name, ends.join(" to ")].join(" ").trimEnd();
}
