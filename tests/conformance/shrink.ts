/** Makes a scenario smaller while something about it stays true. */
import type { Scenario } from "./types.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

// Where a block's own operations are, by its name.
const BLOCKS: Record<string, number> = {
  timeout: 3,
  timeoutAt: 3,
  call: 1,
  with: 2,
  taskGroup: 2,
};
const AW_LISTS = new Set(["gather", "wait", "asCompleted", "staggered"]);
// Candidates tried in one go: asking costs less in batches.
const BATCH = 24;

/**
 * The smallest scenario found that still holds.
 *
 * @param scenario The one to start from, which holds.
 * @param holds Which of several scenarios hold.
 */
export async function shrink(
  scenario: Scenario,
  holds: (candidates: Scenario[]) => Promise<boolean[]>,
): Promise<Scenario> {
  let best = scenario;
  for (let found = true; found;) {
    found = false;
    const candidates = [...smaller(best)];
    for (let at = 0; at < candidates.length && !found; at += BATCH) {
      const batch = candidates.slice(at, at + BATCH);
      const index = (await holds(batch)).indexOf(true);
      if (index < 0) continue;
      best = batch[index]!;
      found = true;
    }
  }
  return best;
}

/** Scenarios one step smaller, the boldest steps first. */
function* smaller(scenario: Scenario): Generator<Scenario> {
  const { name, ...rest } = scenario;
  const all = [...edits(rest as unknown as Json)]
    .map((edited) => ({ name, ...edited as object }) as Scenario)
    .filter((edited) => edited.tasks?.["main"] !== undefined);
  const sized = all.map((one) => [JSON.stringify(one).length, one] as const);
  const limit = JSON.stringify(scenario).length;
  for (const [size, one] of sized.sort((a, b) => a[0] - b[0])) {
    if (size < limit) yield one;
  }
}

/** Every way of taking one thing out of a value. */
function* edits(value: Json): Generator<Json> {
  if (Array.isArray(value)) yield* arrayEdits(value);
  else if (value !== null && typeof value === "object") {
    for (const key of Object.keys(value)) {
      const { [key]: inner, ...rest } = value;
      yield rest;
      for (const edited of edits(inner!)) yield { ...value, [key]: edited };
    }
  } else if (typeof value === "number" && ![0, 1, 2].includes(value)) {
    yield 1;
    yield 2;
  }
}

function* arrayEdits(value: Json[]): Generator<Json> {
  if (isList(value)) {
    if (value.length > 3) {
      const half = value.length >> 1;
      yield value.slice(half);
      yield value.slice(0, half);
    }
    for (let i = 0; i < value.length; i++) {
      yield value.toSpliced(i, 1);
      const inner = opened(value[i]!);
      if (inner) yield value.toSpliced(i, 1, ...inner);
    }
  }
  for (let i = 0; i < value.length; i++) {
    const inner = value[i]!;
    // A list of awaitables may hold bare names, so it does not tell itself.
    if (i === 1 && AW_LISTS.has(value[0] as string) && Array.isArray(inner)) {
      for (let j = 0; j < inner.length; j++) {
        yield value.toSpliced(i, 1, inner.toSpliced(j, 1));
      }
    }
    // An awaitable around another may give way to it.
    if (i === 1 && ["shield", "waitFor"].includes(value[0] as string)) {
      yield inner;
    }
    for (const edited of edits(inner)) yield value.toSpliced(i, 1, edited);
  }
}

/** Whether it is a list of operations. */
function isList(value: Json[]): boolean {
  return value.length > 0 &&
    value.every((one) => Array.isArray(one) && typeof one[0] === "string");
}

/** What stands inside a block. */
function opened(op: Json): Json[] | undefined {
  if (!Array.isArray(op)) return undefined;
  const [name] = op;
  if (name === "try") return (op[1] as { do?: Json[] }).do ?? [];
  const at = BLOCKS[name as string];
  return at === undefined ? undefined : op[at] as Json[] | undefined;
}
