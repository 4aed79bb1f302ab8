/**
 * The states of a TLS connection, and its water marks.
 *
 * @module
 */

/** Where a TLS connection stands. */
export class SSLProtocolState {
  /** Its name. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Its name. */
  toString(): string {
    return `SSLProtocolState.${this.name}`;
  }

  /** Not begun, or over. */
  static readonly UNWRAPPED: SSLProtocolState = new SSLProtocolState(
    "UNWRAPPED",
  );
  /** The two sides are agreeing. */
  static readonly DO_HANDSHAKE: SSLProtocolState = new SSLProtocolState(
    "DO_HANDSHAKE",
  );
  /** Data goes both ways. */
  static readonly WRAPPED: SSLProtocolState = new SSLProtocolState("WRAPPED");
  /** It closes: what was received is still handed over. */
  static readonly FLUSHING: SSLProtocolState = new SSLProtocolState("FLUSHING");
  /** The two sides are saying goodbye. */
  static readonly SHUTDOWN: SSLProtocolState = new SSLProtocolState("SHUTDOWN");
}

/** What the application's protocol has been told. */
export class AppProtocolState {
  /** Its name. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Its name. */
  toString(): string {
    return `AppProtocolState.${this.name}`;
  }

  /** Nothing. */
  static readonly STATE_INIT: AppProtocolState = new AppProtocolState(
    "STATE_INIT",
  );
  /** That the connection is there. */
  static readonly STATE_CON_MADE: AppProtocolState = new AppProtocolState(
    "STATE_CON_MADE",
  );
  /** That no more data comes. */
  static readonly STATE_EOF: AppProtocolState = new AppProtocolState(
    "STATE_EOF",
  );
  /** That the connection is over. */
  static readonly STATE_CON_LOST: AppProtocolState = new AppProtocolState(
    "STATE_CON_LOST",
  );
}

/**
 * Fills in the water marks that are not given.
 *
 * @param high The high one, in bytes.
 * @param low The low one, in bytes.
 * @param kb The default of the high one, in KiB.
 * @returns Both, the high one first.
 * @throws RangeError Unless high >= low >= 0.
 */
export function addFlowcontrolDefaults(
  high: number | null | undefined,
  low: number | null | undefined,
  kb: number,
): [high: number, low: number] {
  const top = high ?? (low == null ? kb * 1024 : 4 * low);
  const bottom = low ?? Math.floor(top / 4);
  if (!(top >= bottom && bottom >= 0)) {
    throw new RangeError(
      `high (${top}) must be >= low (${bottom}) must be >= 0`,
    );
  }
  return [top, bottom];
}
