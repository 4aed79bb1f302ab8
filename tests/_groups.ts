/** What the tests of task groups share. */
import {
  BaseExceptionGroup,
  CancelledError,
  type Coroutine,
  currentTask,
  sleep,
} from "../mod.ts";
import type { Body, Spelled } from "./_spell.ts";

/** An error as text, groups with what is in them. */
export function show(error: unknown): string {
  if (error instanceof BaseExceptionGroup) {
    return `${error.message}[${error.errors.map(show).join(", ")}]`;
  }
  const { constructor, message } = error as Error;
  return `${constructor.name}(${message})`;
}

/** What an awaitable comes to, as text. */
export function* shown(awaitable: unknown): Body<string> {
  try {
    return String(yield awaitable);
  } catch (error) {
    return show(error);
  }
}

/** A child that logs its start, its end and its cancellation. */
export function worker(
  t: Spelled,
  log: string[],
): (
  name: string,
  delay: number,
  error?: Error | null,
  clean?: number,
) => Coroutine<string> {
  return t.co(function* (
    name: string,
    delay: number,
    error: Error | null = null,
    clean?: number,
  ) {
    log.push(`${name} start`);
    try {
      yield sleep(delay);
      if (error !== null) throw error;
      log.push(`${name} end`);
      return name;
    } catch (thrown) {
      if (!(thrown instanceof CancelledError)) throw thrown;
      log.push(`${name} cancelled ${currentTask()!.cancelling()}`);
      if (clean) {
        yield sleep(clean);
        log.push(`${name} clean`);
      }
      throw thrown;
    }
  });
}
