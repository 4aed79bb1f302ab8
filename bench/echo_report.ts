/** What comes of the echo suite: processor time per request, and ratios of it. */
import {
  label,
  OUR_KINDS,
  type Ours,
  type Place,
  type Server,
} from "./echo_servers.ts";
import { grid, median } from "./report.ts";

/** A row: how many connections send messages of what size. */
export interface Load {
  readonly title: string;
  readonly connections: number;
  readonly size: number;
}

/** What one turn of one server came to. */
export interface Turn {
  readonly requests: number;
  readonly seconds: number;
  readonly cpu: number;
}

/** Microseconds of processor time per request. */
export const cost = (turn: Turn): number => turn.cpu / turn.requests * 1e6;
export const rate = (turn: Turn): number => turn.requests / turn.seconds;

/** What is asked of each kind of the library. */
const OURS: Readonly<
  Record<Ours, { readonly native: number; readonly rivals: readonly string[] }>
> = {
  protocol: { native: 1.15, rivals: ["asyncio protocol"] },
  buffered: { native: 1.15, rivals: ["asyncio buffered"] },
  generator: { native: 1.4, rivals: ["asyncio streams", "uvloop streams"] },
  async: { native: 1.4, rivals: ["asyncio streams", "uvloop streams"] },
  into: { native: 1.4, rivals: ["asyncio streams", "uvloop streams"] },
};

/** All of a row, per server and round. */
export type Turns = Map<Server, Turn[]>;

/** The middle of the ratios of two servers within each round. */
function ratio(turns: Turns, a: Server, b: Server): number {
  const [ours, theirs] = [turns.get(a) ?? [], turns.get(b) ?? []];
  return median(
    ours.slice(0, theirs.length).map((t, i) => cost(t) / cost(theirs[i]!)),
  );
}

/** The ratio of the least that two servers took: what other work cannot disturb. */
function leastRatio(turns: Turns, a: Server, b: Server): number {
  const least = (server: Server) =>
    Math.min(...(turns.get(server) ?? []).map(cost));
  return least(a) / least(b);
}

/** A ratio of a row. */
export interface Compared {
  readonly runtime: Place;
  readonly row: string;
  readonly kind: Ours;
  readonly rival: string;
  /** The median of those within the rounds. */
  readonly ratio: number;
  /** That of the least figures of all rounds. */
  readonly least: number;
  readonly bound: number;
  readonly holds: boolean;
}

export function compare(
  row: Load,
  turns: Turns,
  runtime: Place,
): Compared[] {
  const all = [...turns.keys()];
  const find = (place: Place, name: string) =>
    all.find((server) => server.place === place && server.name === name);
  return OUR_KINDS.flatMap((kind) => {
    const ours = find(runtime, kind);
    if (ours === undefined) return [];
    const { native, rivals } = OURS[kind];
    const against: [string, Server | undefined, number][] = [
      ["native", find(runtime, "native"), native],
      ["fresh", find(runtime, "fresh"), Infinity],
      ["net", find(runtime, "net"), Infinity],
      ...rivals.map((name): [string, Server | undefined, number] => [
        name,
        all.find((server) => server.name === name),
        1,
      ]),
    ];
    return against.flatMap(([rival, server, bound]) => {
      if (server === undefined) return [];
      const value = ratio(turns, ours, server);
      const holds = value <= bound;
      return [{
        runtime,
        row: row.title,
        kind,
        rival,
        ratio: value,
        least: leastRatio(turns, ours, server),
        bound,
        holds,
      }];
    });
  });
}

/** The absolute figures: processor time per request, and requests per second. */
export function figures(
  rows: readonly [Load, Turns][],
  servers: readonly Server[],
): string {
  const head = ["", ...rows.flatMap(([{ title }]) => [title, "req/s"])];
  return grid(
    head,
    servers.map((server) => [
      label(server),
      ...rows.flatMap(([, turns]) => {
        const all = turns.get(server) ?? [];
        return all.length === 0 ? ["-", "-"] : [
          median(all.map(cost)).toFixed(1),
          median(all.map(rate)).toFixed(0),
        ];
      }),
    ]),
  );
}

export function ratios(
  rows: readonly Load[],
  compared: readonly Compared[],
  runtime: Place,
): string {
  const own = compared.filter((c) => c.runtime === runtime);
  const pairs = OUR_KINDS.flatMap((kind) =>
    [...new Set(own.filter((c) => c.kind === kind).map((c) => c.rival))].map((
      rival,
    ) => [kind, rival] as const)
  );
  return grid(
    ["", ...rows.map(({ title }) => title), "at most"],
    pairs.map(([kind, rival]) => {
      const of = own.filter((c) => c.kind === kind && c.rival === rival);
      return [
        `${kind} / ${rival}`,
        ...rows.map(({ title }) => {
          const c = of.find((c) => c.row === title);
          return c === undefined
            ? "-"
            : `${c.holds ? "" : "*"}${c.ratio.toFixed(2)} (${
              c.least.toFixed(2)
            })`;
        }),
        of[0]!.bound === Infinity ? "-" : String(of[0]!.bound),
      ];
    }),
  );
}
