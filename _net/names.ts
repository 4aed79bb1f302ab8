/** Names and addresses, by the platform's resolver. */

import type { ResolvedAddress } from "../_platform/dns.ts";
import { hostPort } from "../_platform/addresses.ts";
import type { BaseEventLoop } from "../base_events.ts";
import type { Coro } from "../coroutines.ts";
import { OSError } from "../exceptions.ts";
import { wrapFuture } from "../futures.ts";
import { logger } from "../log.ts";
import { GaiError } from "./gai_error.ts";
import type {
  AddrInfo,
  AddrInfoFlag,
  AddrInfoOptions,
  NameInfoFlag,
  SocketAddress,
  SocketFamily,
  SocketKind,
} from "./net_types.ts";

const TCP = 6;
const UDP = 17;

/** One entry for each kind of socket, as the C library gives them. */
const KINDS: readonly (readonly [kind: SocketKind, proto: number])[] = [
  ["stream", TCP],
  ["dgram", UDP],
  ["raw", 0],
];

/** The services that programs name; no runtime can ask for others. */
const SERVICES: ReadonlyMap<string, number> = new Map([
  ["echo", 7],
  ["discard", 9],
  ["daytime", 13],
  ["ftp", 21],
  ["ssh", 22],
  ["telnet", 23],
  ["smtp", 25],
  ["time", 37],
  ["whois", 43],
  ["domain", 53],
  ["tftp", 69],
  ["finger", 79],
  ["http", 80],
  ["kerberos", 88],
  ["pop3", 110],
  ["ntp", 123],
  ["imap", 143],
  ["imap2", 143],
  ["snmp", 161],
  ["irc", 194],
  ["ldap", 389],
  ["https", 443],
  ["submission", 587],
  ["ldaps", 636],
  ["imaps", 993],
  ["pop3s", 995],
  ["mysql", 3306],
  ["postgresql", 5432],
  ["redis", 6379],
]);

/** What a kind of socket and a protocol leave of the kinds there are. */
function kindsOf(
  type: SocketKind | null,
  proto: number,
  action: string,
): (readonly [SocketKind, number])[] {
  if (type === "raw") return [["raw", proto]];
  const found = KINDS.filter(([kind, own]) =>
    (type === null || kind === type) && (proto === 0 || proto === own)
  );
  if (found.length > 0) return found;
  throw new GaiError(
    `${action}: no ${type ?? "such"} socket has the protocol ${proto}`,
    { code: "EAI_SOCKTYPE" },
  );
}

/** A port as a number; null and empty texts are 0, names are looked up. */
function portOf(
  port: number | string | null,
  flags: readonly AddrInfoFlag[],
  action: string,
): number {
  if (port === null || port === "") return 0;
  if (typeof port === "number") return checkPort(port);
  if (/^\d+$/.test(port)) return checkPort(Number(port));
  const known = SERVICES.get(port);
  if (known !== undefined && !flags.includes("AI_NUMERICSERV")) return known;
  throw new GaiError(
    `${action}: the service '${port}' is not known; give its port's number`,
    { code: "EAI_SERVICE" },
  );
}

/** Returns a port; throws unless it is one. */
export function checkPort(port: number): number {
  if (typeof port !== "number") {
    throw new TypeError(`port must be a number, got ${typeof port}`);
  }
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new RangeError(`port must be 0-65535, got ${port}`);
}

/** Which IP version a family is of. */
function versionOf(
  family: SocketFamily | null,
  action: string,
): 0 | 4 | 6 {
  switch (family) {
    case null:
      return 0;
    case "inet":
      return 4;
    case "inet6":
      return 6;
    default:
      throw new GaiError(
        `${action}: the family '${family}' has no names to be looked up`,
        { code: "EAI_FAMILY" },
      );
  }
}

function sockaddr(found: ResolvedAddress, port: number): SocketAddress {
  const { address, family } = found;
  if (family === 4) return [address, port];
  const scope = Number(address.split("%")[1] ?? 0);
  return [address, port, 0, Number.isInteger(scope) ? scope : 0];
}

/** The platform's errors of names under the name they have here. */
function asGaiError(error: unknown): unknown {
  if (!(error instanceof OSError)) return error;
  const { code, message } = error;
  if (code !== "ENOTFOUND" && !code.startsWith("EAI_")) return error;
  return new GaiError(message, { code, cause: error.cause ?? error });
}

/** Looks a host up; see `BaseEventLoop.getAddrInfo`. */
export function* getAddrInfo(
  loop: BaseEventLoop,
  host: string | null,
  port: number | string | null,
  options: AddrInfoOptions,
): Coro<AddrInfo[]> {
  const { family = null, type = null, proto = 0, flags = [] } = options;
  const action = `Cannot look ${host ?? "this machine"} up`;
  const number = portOf(port, flags, action);
  const version = versionOf(family, action);
  const kinds = kindsOf(type, proto, action);
  const nothing = host === null && (port === null || port === "");
  const { dns } = loop._platform;
  if (
    nothing ||
    (host && flags.includes("AI_NUMERICHOST") && dns.isIP(host) === 0)
  ) {
    throw new GaiError(
      `${action}: ${nothing ? "no host and no port" : "it is not numeric"}`,
      { code: "ENOTFOUND" },
    );
  }
  const start = loop.time();
  let found: readonly ResolvedAddress[];
  try {
    found = yield* wrapFuture(
      dns.lookup(host, {
        family: version,
        passive: flags.includes("AI_PASSIVE"),
        addressConfig: flags.includes("AI_ADDRCONFIG"),
        v4Mapped: flags.includes("AI_V4MAPPED"),
        all: flags.includes("AI_ALL"),
      }),
      { loop },
    );
  } catch (error) {
    throw asGaiError(error);
  }
  let canonName = flags.includes("AI_CANONNAME") ? host ?? "" : "";
  const infos: AddrInfo[] = [];
  for (const one of found) {
    const address = sockaddr(one, number);
    for (const [kind, own] of kinds) {
      infos.push([
        one.family === 4 ? "inet" : "inet6",
        kind,
        own,
        canonName,
        address,
      ]);
      canonName = "";
    }
  }
  if (loop.getDebug()) {
    const seconds = loop.time() - start;
    const text = `Getting address info ${host}:${port} took ` +
      `${(seconds * 1e3).toFixed(3)}ms: ${JSON.stringify(infos)}`;
    if (seconds >= loop.slowCallbackDuration) logger.info(text);
    else logger.debug(text);
  }
  return infos;
}

/** As {@linkcode getAddrInfo}, but a numeric host needs no look-up. */
export function* ensureResolved(
  loop: BaseEventLoop,
  host: string | null,
  port: number | string | null,
  options: AddrInfoOptions & { type: "stream" | "dgram" },
): Coro<AddrInfo[]> {
  const { family = null, type, proto = 0 } = options;
  const own = type === "stream" ? TCP : UDP;
  if (
    host && !host.includes("%") && (proto === 0 || proto === own) &&
    (typeof port !== "string" || /^\d*$/.test(port))
  ) {
    const version = loop._platform.dns.isIP(host);
    const kind = version === 4 ? "inet" : "inet6";
    if (version !== 0 && (family === null || family === kind)) {
      const number = checkPort(Number(port ?? 0));
      return [[
        kind,
        type,
        own,
        "",
        version === 4 ? [host, number] : [host, number, 0, 0],
      ]];
    }
  }
  // Through the method: a loop may bring another resolver.
  const infos = yield* loop.getAddrInfo(host, port, options);
  if (infos.length === 0) {
    throw new OSError("getaddrinfo() returned empty list");
  }
  return infos;
}

/** Finds the names of an address; see `BaseEventLoop.getNameInfo`. */
export function* getNameInfo(
  loop: BaseEventLoop,
  address: SocketAddress,
  flags: readonly NameInfoFlag[],
): Coro<[host: string, service: string]> {
  if (typeof address === "string" || !Array.isArray(address)) {
    throw new TypeError(
      "getNameInfo() needs an address as [host, port], got " +
        (typeof address === "string" ? "a text" : typeof address),
    );
  }
  const [host, given] = address as readonly [string, number];
  const port = checkPort(given);
  const { dns } = loop._platform;
  const action = `Cannot name ${hostPort(host, port)}`;
  if (dns.isIP(host) === 0) {
    throw new GaiError(`${action}: the host is not numeric`, {
      code: "ENOTFOUND",
    });
  }
  const numericHost = flags.includes("NI_NUMERICHOST");
  const numericService = flags.includes("NI_NUMERICSERV");
  if (numericHost && numericService) return [host, String(port)];
  let named: { readonly host: string; readonly service: string };
  try {
    named = yield* wrapFuture(dns.lookupService(host, port), { loop });
  } catch (error) {
    const failure = asGaiError(error);
    // Without a name its number will do, unless a name is required.
    if (
      !(failure instanceof GaiError) ||
      (flags.includes("NI_NAMEREQD") && !numericHost)
    ) throw failure;
    named = { host, service: String(port) };
  }
  const name = flags.includes("NI_NOFQDN") && dns.isIP(named.host) === 0
    ? named.host.split(".")[0]!
    : named.host;
  return [
    numericHost ? host : name,
    numericService ? String(port) : named.service,
  ];
}

/** Families' addresses in turns: so many of the first, then one of each. */
export function interleaved(
  infos: readonly AddrInfo[],
  firstCount: number,
): AddrInfo[] {
  const families = new Map<SocketFamily, AddrInfo[]>();
  for (const info of infos) {
    const list = families.get(info[0]);
    if (list === undefined) families.set(info[0], [info]);
    else list.push(info);
  }
  const lists = [...families.values()];
  const result = lists[0]?.splice(0, firstCount - 1) ?? [];
  const longest = Math.max(0, ...lists.map((list) => list.length));
  for (let i = 0; i < longest; i++) {
    for (const list of lists) {
      const info = list[i];
      if (info !== undefined) result.push(info);
    }
  }
  return result;
}
