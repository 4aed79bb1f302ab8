/** Names and addresses, by the system's resolver: node:dns on every runtime. */

import { builtin, host as globals } from "./host.ts";
import { checkPort, hostPort } from "./addresses.ts";
import { askForNet, codeOf, ownError, systemError } from "./socket_errors.ts";

/** One address of a name. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** What to look up, and how. */
export interface LookupOptions {
  /** 4 or 6 for addresses of that family alone; 0, or nothing, for both. */
  readonly family?: 0 | 4 | 6 | undefined;
  /** Whether no name stands for all interfaces rather than for this machine. */
  readonly passive?: boolean | undefined;
  /** Only families of which this machine has an address. */
  readonly addressConfig?: boolean | undefined;
  /** IPv4 addresses written in IPv6 where there are none of IPv6. */
  readonly v4Mapped?: boolean | undefined;
  /** Both kinds, with `v4Mapped`. */
  readonly all?: boolean | undefined;
}

/** The resolver. */
export interface Dns {
  /**
   * Which IP version a numeric host is.
   *
   * @param host A host.
   * @returns 4 or 6, or 0 when it is a name.
   */
  isIP(host: string): 0 | 4 | 6;
  /**
   * Looks a name up.
   *
   * @param host A name, or a numeric host, which needs no query.
   * @param options See {@linkcode LookupOptions}.
   * @returns The addresses in the system's order; at least one.
   * @throws {OSError} When there is none: ENOTFOUND, EAI_AGAIN, EAI_ADDRFAMILY.
   */
  lookup(
    host: string | null,
    options?: LookupOptions,
  ): Promise<readonly ResolvedAddress[]>;
  /**
   * Finds the names of an address.
   *
   * @param address A numeric host.
   * @param port A port.
   * @returns The host's name and the service's.
   * @throws {OSError} When there is none.
   */
  lookupService(
    address: string,
    port: number,
  ): Promise<{ readonly host: string; readonly service: string }>;
}

interface DnsModule {
  readonly ADDRCONFIG: number;
  readonly V4MAPPED: number;
  readonly ALL: number;
  lookup(
    host: string,
    options: object,
    done: (error: unknown, found: ResolvedAddress[]) => void,
  ): void;
  lookupService(
    address: string,
    port: number,
    done: (error: unknown, host: string, service: string) => void,
  ): void;
}

interface NetModule {
  isIP(host: string): 0 | 4 | 6;
}

/** What no name stands for, in the order of glibc. */
function unnamed(options: LookupOptions): ResolvedAddress[] {
  const four: ResolvedAddress = {
    address: options.passive ? "0.0.0.0" : "127.0.0.1",
    family: 4,
  };
  const six: ResolvedAddress = {
    address: options.passive ? "::" : "::1",
    family: 6,
  };
  if (options.family === 4) return [four];
  if (options.family === 6) return [six];
  return options.passive ? [four, six] : [six, four];
}

/** Makes the resolver. */
export function nodeDns(): Dns {
  // Loaded when used: a program without a network does not pay for them.
  const dns = () => builtin<DnsModule>("node:dns")!;
  const isIP = (host: string) => builtin<NetModule>("node:net")!.isIP(host);

  async function lookup(
    host: string | null,
    options: LookupOptions = {},
  ): Promise<readonly ResolvedAddress[]> {
    if (host === null || host === "") return unnamed(options);
    const { family = 0 } = options;
    const action = `Cannot look ${host} up`;
    const version = isIP(host);
    if (version !== 0) {
      // The runtimes would give it for the other family, too.
      if (version === family || family === 0) {
        return [{ address: host, family: version }];
      }
      if (version === 4 && options.v4Mapped) {
        return [{ address: `::ffff:${host}`, family: 6 }];
      }
      throw ownError(action, "EAI_ADDRFAMILY");
    }
    askForNet(globals.Deno, host, action);
    // The flags have other values on each runtime.
    const hints = (options.addressConfig ? dns().ADDRCONFIG : 0) |
      (options.v4Mapped ? dns().V4MAPPED : 0) |
      (options.all ? dns().ALL : 0);
    return await new Promise((resolve, reject) => {
      dns().lookup(
        host,
        { all: true, family, hints, order: "verbatim", verbatim: true },
        (error, found) => {
          // Node's word for a name that is too long.
          if (codeOf(error) === "EINVAL") reject(ownError(action, "ENOTFOUND"));
          else if (error) reject(systemError(action, error));
          else if (found.length === 0) reject(ownError(action, "ENOTFOUND"));
          else resolve(found);
        },
      );
    });
  }

  async function lookupService(
    address: string,
    port: number,
  ): Promise<{ host: string; service: string }> {
    const place = hostPort(address, port);
    const action = `Cannot name ${place}`;
    checkPort(port, action);
    if (isIP(address) === 0) {
      throw ownError(action, "EINVAL", "the host is not numeric");
    }
    askForNet(globals.Deno, place, action);
    return await new Promise((resolve, reject) => {
      dns().lookupService(address, port, (error, host, service) => {
        if (error) reject(systemError(action, error));
        else resolve({ host, service });
      });
    });
  }

  return { isIP, lookup, lookupService };
}
