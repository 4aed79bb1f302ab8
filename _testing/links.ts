/** How the wires between the hosts of a network in memory behave. */

import type { Random } from "./seed.ts";

/** How a wire behaves; what is not given stays as it was. */
export interface LinkOptions {
  /** Seconds that a message takes; a pair is a range that each draws from. */
  latency?: number | readonly [from: number, to: number] | undefined;
  /**
   * How likely a message is lost, from 0 to 1. A stream sends it again, which takes
   * time; a datagram is gone.
   */
  loss?: number | undefined;
  /** How likely a datagram is overtaken by those after it. */
  reorder?: number | undefined;
  /** How likely a datagram comes twice. */
  duplicate?: number | undefined;
}

/** A wire's behaviour, checked. */
export interface Link {
  readonly from: number;
  readonly to: number;
  readonly loss: number;
  readonly reorder: number;
  readonly duplicate: number;
}

/** A wire without faults or length. */
export const PERFECT: Link = {
  from: 0,
  to: 0,
  loss: 0,
  reorder: 0,
  duplicate: 0,
};

/** Seconds after which a stream sends again what was lost. */
const RESEND = 0.2;
/** So often in a row at most: a stream does not lose for ever. */
const RESENDS = 8;

/**
 * Applies options to a wire's behaviour.
 *
 * @throws RangeError When a number makes no sense.
 */
export function toLink(base: Link, options: LinkOptions): Link {
  const { latency } = options;
  const [from, to] = latency === undefined
    ? [base.from, base.to]
    : typeof latency === "number"
    ? [latency, latency]
    : latency;
  if (!(from >= 0 && to >= from && to < Infinity)) {
    throw new RangeError(
      `Cannot set a latency of ${from} to ${to} seconds: it has to be at least ` +
        "0 and the range in order",
    );
  }
  return {
    from,
    to,
    loss: probability(options.loss, base.loss, "loss"),
    reorder: probability(options.reorder, base.reorder, "reorder"),
    duplicate: probability(options.duplicate, base.duplicate, "duplicate"),
  };
}

function probability(
  value: number | undefined,
  base: number,
  what: string,
): number {
  if (value === undefined) return base;
  if (value >= 0 && value <= 1) return value;
  throw new RangeError(
    `Cannot set ${what} to ${value}: a probability is from 0 to 1`,
  );
}

/** Seconds that a message takes. */
export function transit(link: Link, random: Random): number {
  return link.from === link.to ? link.from : random.between(link.from, link.to);
}

/** Seconds that a piece of a stream takes, with all that is lost on the way. */
export function streamTransit(link: Link, random: Random): number {
  let time = transit(link, random);
  for (let i = 0; i < RESENDS && random.chance(link.loss); i++) {
    time += RESEND * 2 ** i;
  }
  return time;
}
