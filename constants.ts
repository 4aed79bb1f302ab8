/**
 * Numbers that asyncio fixes.
 *
 * @example The time that TLS may take
 * ```ts
 * import { SSL_HANDSHAKE_TIMEOUT } from "@x/asyncio/constants";
 *
 * console.log(SSL_HANDSHAKE_TIMEOUT); // 60
 * ```
 *
 * @module
 */

/** After so many writes to a lost connection, each further one is logged. */
export const LOG_THRESHOLD_FOR_CONNLOST_WRITES: number = 5;

/** Seconds to wait after `accept` failed for want of file descriptors. */
export const ACCEPT_RETRY_DELAY: number = 1;

/** How many frames debug mode keeps of where something was made. */
export const DEBUG_STACK_DEPTH: number = 10;

/** Seconds that a TLS handshake may take. */
export const SSL_HANDSHAKE_TIMEOUT: number = 60;

/** Seconds that a TLS shutdown may take. */
export const SSL_SHUTDOWN_TIMEOUT: number = 30;

/** How many bytes are read at once where a file is sent by hand. */
export const SENDFILE_FALLBACK_READBUFFER_SIZE: number = 1024 * 256;

/** From so many KiB on, a TLS transport stops reading. */
export const FLOW_CONTROL_HIGH_WATER_SSL_READ: number = 256;

/** From so many KiB on, a TLS transport asks its protocol to stop writing. */
export const FLOW_CONTROL_HIGH_WATER_SSL_WRITE: number = 512;

/** Seconds to wait for the threads of the default executor at the end. */
export const THREAD_JOIN_TIMEOUT: number = 300;
