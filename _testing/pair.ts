/** Two protocols that are connected in memory. */

import { type Coro, Coroutine } from "../coroutines.ts";
import type { BaseProtocol } from "../protocols.ts";
import { currentSession } from "./session.ts";
import type { Transport } from "../transports.ts";

/**
 * Connects two protocols in memory, with the transports that sockets have: what one
 * side writes the other is given, with all of flow control, half closes and resets.
 *
 * @param client One protocol.
 * @param server The other.
 * @returns Their transports, once both `connectionMade` were called.
 * @throws RuntimeError Outside a virtual test.
 *
 * @example
 * ```ts
 * import { Protocol } from "@x/asyncio";
 * import { memoryTransportPair, runTest } from "@x/asyncio/testing";
 *
 * class Shout extends Protocol {
 *   override dataReceived(data: Uint8Array) {
 *     console.log(new TextDecoder().decode(data));
 *   }
 * }
 *
 * await runTest(async () => {
 *   const [near, far] = await memoryTransportPair(new Protocol(), new Shout());
 *   near.write(new TextEncoder().encode("hello"));
 *   near.close();
 * });
 * ```
 */
export function memoryTransportPair(
  client: BaseProtocol,
  server: BaseProtocol,
): Coroutine<[client: Transport, server: Transport]> {
  return new Coroutine<[client: Transport, server: Transport]>(
    connect as never,
    [client, server],
  );
}

function* connect(
  client: BaseProtocol,
  server: BaseProtocol,
): Coro<[Transport, Transport]> {
  const { loop, network } = currentSession("memoryTransportPair()");
  const [near, far] = network._pair();
  const made = [loop.createFuture<void>(), loop.createFuture<void>()] as const;
  const first = loop._makeSocketTransport(near, client, made[0]);
  const second = loop._makeSocketTransport(far, server, made[1]);
  for (const future of made) yield* future;
  return [first, second];
}
