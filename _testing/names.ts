/** The names of a network in memory. */

import type { Dns, LookupOptions, ResolvedAddress } from "../_platform/dns.ts";
import { platform as real } from "../_platform/mod.ts";
import { ownError } from "../_platform/socket_errors.ts";

/** Makes a resolver that knows numeric addresses, this machine and some names. */
export function memoryDns(names: ReadonlyMap<string, readonly string[]>): Dns {
  const isIP = (host: string) => real.dns.isIP(host);

  function addressesOf(host: string | null, passive: boolean): string[] {
    if (host === null) return passive ? ["0.0.0.0", "::"] : ["127.0.0.1"];
    if (isIP(host) !== 0) return [host];
    const name = host.toLowerCase();
    return [...names.get(name) ?? (name === "localhost" ? ["127.0.0.1"] : [])];
  }

  return {
    isIP,
    async lookup(
      host: string | null,
      options: LookupOptions = {},
    ): Promise<ResolvedAddress[]> {
      const found = addressesOf(host, options.passive === true)
        .map((address) => ({ address, family: isIP(address) as 4 | 6 }))
        .filter(({ family }) => !options.family || family === options.family);
      if (found.length === 0) {
        throw ownError(
          `Cannot look ${host} up`,
          "ENOTFOUND",
          "the network in memory has no such name; give it one with name()",
        );
      }
      return found;
    },
    async lookupService(address: string, port: number) {
      for (const [name, addresses] of names) {
        if (addresses.includes(address)) {
          return { host: name, service: String(port) };
        }
      }
      return {
        host: address === "127.0.0.1" ? "localhost" : address,
        service: String(port),
      };
    },
  };
}
