/**
 * The texts of values and callbacks. Bundles for browsers have web_texts.ts in its
 * place.
 */

export {
  formatCallback as textOfCallback,
  formatFrames as textOfFrames,
  shortRepr as textOf,
} from "../format_helpers.ts";
export { textOfHandle } from "../_debug/handle_words.ts";
