/** What the loops' network methods take and give. */

import type { SocketAddress, SocketFamily } from "../_platform/sockets.ts";
import type { Server } from "./server.ts";
import type { Socket } from "./socket.ts";
import type { SSLContext } from "../_tls/context.ts";
import type { Context } from "../contextvars.ts";
import type { BaseProtocol } from "../protocols.ts";
import type { ExtraInfo } from "../transports.ts";

export type { SocketAddress, SocketFamily } from "../_platform/sockets.ts";

/** What a socket carries. */
export type SocketKind = "stream" | "dgram" | "raw";

/** How names are looked up, as getaddrinfo's flags name it. */
export type AddrInfoFlag =
  | "AI_PASSIVE"
  | "AI_CANONNAME"
  | "AI_NUMERICHOST"
  | "AI_NUMERICSERV"
  | "AI_V4MAPPED"
  | "AI_ALL"
  | "AI_ADDRCONFIG";

/** How addresses are named, as getnameinfo's flags name it. */
export type NameInfoFlag =
  | "NI_NUMERICHOST"
  | "NI_NUMERICSERV"
  | "NI_NOFQDN"
  | "NI_NAMEREQD"
  | "NI_DGRAM";

/** One way to reach a host, as `getAddrInfo` gives it. */
export type AddrInfo = readonly [
  family: SocketFamily,
  type: SocketKind,
  proto: number,
  canonName: string,
  address: SocketAddress,
];

/** Makes the protocol of a connection. */
export type ProtocolFactory<P extends BaseProtocol = BaseProtocol> = () => P;

/** A host and a port to be looked up. */
export type HostPort = readonly [host: string | null, port: number];

/** Options of `getAddrInfo`. */
export type AddrInfoOptions = {
  /** The address family; every one unless given. */
  family?: SocketFamily | null | undefined;
  /** What the socket carries; one entry for each kind unless given. */
  type?: SocketKind | null | undefined;
  /** The protocol's number, 6 for TCP and 17 for UDP; 0 for any. */
  proto?: number | undefined;
  /** The flags, by name. */
  flags?: readonly AddrInfoFlag[] | undefined;
};

/** The timeouts of TLS. */
export type TlsTimeouts = {
  /** Seconds that the TLS handshake may take; 60 unless given. */
  sslHandshakeTimeout?: number | null | undefined;
  /** Seconds that the TLS shutdown may take; 30 unless given. */
  sslShutdownTimeout?: number | null | undefined;
};

/** Options of `startTls`. */
export type UpgradeOptions = TlsTimeouts & {
  /** Whether this is the server's side. */
  serverSide?: boolean | undefined;
  /** A client's: the host that the certificate must be for. */
  serverHostname?: string | null | undefined;
};

/** Options of `createConnection`. */
export type ConnectionOptions = TlsTimeouts & {
  /** The settings of TLS, or true for the safe defaults; no TLS unless given. */
  ssl?: SSLContext | boolean | null | undefined;
  /** The address family; every one unless given. */
  family?: SocketFamily | null | undefined;
  /** The protocol's number; 0 for TCP. */
  proto?: number | undefined;
  /** How the name is looked up. */
  flags?: readonly AddrInfoFlag[] | undefined;
  /** A connected stream socket, in place of host and port. */
  sock?: Socket | null | undefined;
  /** The host and port to connect from. */
  localAddr?: HostPort | null | undefined;
  /** The host that the certificate must be for; `host` unless given. */
  serverHostname?: string | null | undefined;
  /**
   * Seconds to wait for one address before the next one is tried as well; each is
   * tried when the one before has failed unless given.
   */
  happyEyeballsDelay?: number | null | undefined;
  /**
   * How the families' addresses take turns: so many of the first family, then one
   * of each. 1 with `happyEyeballsDelay`, else they stay in their order.
   */
  interleave?: number | null | undefined;
  /** Whether a failure is an ExceptionGroup of what each address has failed by. */
  allErrors?: boolean | undefined;
};

/** Options of `createServer`. */
export type ServerOptions = TlsTimeouts & {
  /** The settings of TLS; no TLS unless given. */
  ssl?: SSLContext | null | undefined;
  /** The address family; every one unless given. */
  family?: SocketFamily | null | undefined;
  /** How the host is looked up; AI_PASSIVE unless given. */
  flags?: readonly AddrInfoFlag[] | undefined;
  /** A listening socket, in place of host and port. */
  sock?: Socket | null | undefined;
  /** How many connections wait to be accepted; 100 unless given. */
  backlog?: number | undefined;
  /** Has no effect: every runtime binds again at once after a restart. */
  reuseAddress?: boolean | null | undefined;
  /** Whether other sockets may share the port. */
  reusePort?: boolean | null | undefined;
  /** Whether the kernel probes idle connections. */
  keepAlive?: boolean | null | undefined;
  /** Whether to accept at once; until `startServing` connections wait. */
  startServing?: boolean | undefined;
};

/** Options of `connectAcceptedSocket`. */
export type AcceptedOptions = TlsTimeouts & {
  /** The settings of TLS; no TLS unless given. */
  ssl?: SSLContext | null | undefined;
};

/** Options of `createDatagramEndpoint`. */
export type DatagramEndpointOptions = {
  /** The address family; it is needed where no address tells it. */
  family?: SocketFamily | null | undefined;
  /** The protocol's number; 0 for UDP. */
  proto?: number | undefined;
  /** How names are looked up. */
  flags?: readonly AddrInfoFlag[] | undefined;
  /** Whether other sockets may share the port. */
  reusePort?: boolean | null | undefined;
  /** Whether datagrams may go to a broadcast address. */
  allowBroadcast?: boolean | null | undefined;
  /** A datagram socket, in place of all else. */
  sock?: Socket | null | undefined;
};

/** Options of `sendFile`. */
export type SendFileOptions = {
  /** Whether the file may be read and written by hand; true unless given. */
  fallback?: boolean | undefined;
};

/** A file that is read piece by piece, as `Deno.FsFile` is. */
export interface ReadableFile {
  /** Reads into a buffer; null at the end. */
  read(buffer: Uint8Array): PromiseLike<number | null>;
  /** Moves the position; needed for an offset. */
  seek?(offset: number, whence: number): unknown;
}

/** What `sendFile` sends: a path, an open file, a Blob, or pieces of bytes. */
export type FileSource =
  | string
  | URL
  | Blob
  | ReadableFile
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>;

/**
 * What a transport of a socket is made with.
 *
 * @internal
 */
export interface SocketTransportOptions {
  extra?: ExtraInfo | null | undefined;
  /** Its `_attach` and `_detach` are called. */
  server?: Server | null | undefined;
  /** What the protocol is called in; a copy of the current one unless given. */
  context?: Context | null | undefined;
}

/**
 * What a TLS transport of a socket is made with.
 *
 * @internal
 */
export interface SslTransportOptions extends SocketTransportOptions {
  serverSide?: boolean | undefined;
  serverHostname?: string | null | undefined;
  sslHandshakeTimeout?: number | null | undefined;
  sslShutdownTimeout?: number | null | undefined;
}
