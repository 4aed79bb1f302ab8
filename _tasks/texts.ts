/**
 * The text forms of futures and tasks. Bundles for browsers have web_texts.ts in its
 * place.
 */

export { taskInfo as wordsOfTask } from "../base_tasks.ts";
export { wordsOfFuture } from "../_debug/future_words.ts";

/** Consoles show the text form in place of the fields. */
export function showAsText(prototype: object): void {
  for (const name of ["Deno.customInspect", "nodejs.util.inspect.custom"]) {
    Object.defineProperty(prototype, Symbol.for(name), {
      value(this: object): string {
        return this.toString();
      },
      configurable: true,
    });
  }
}
