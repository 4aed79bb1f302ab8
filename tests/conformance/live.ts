/** CPython itself, where it can be had. */
import { loadOracle, type Oracle } from "./oracle.ts";

/** CPython, or why it is not there. */
export type Live =
  | { readonly oracle: Oracle; readonly reason?: undefined }
  | { readonly oracle?: undefined; readonly reason: string };

// A registry that neither answers nor refuses must not hold up the tests.
const PATIENCE_MS = 60_000;

/** Loads CPython if it can be had. */
export async function live(): Promise<Live> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer in ${PATIENCE_MS / 1000} s`)),
      PATIENCE_MS,
    );
  });
  try {
    return { oracle: await Promise.race([loadOracle(), late]) };
  } catch (error) {
    const [first] = String((error as Error).message ?? error).split("\n");
    return { reason: `npm:pyodide cannot be loaded: ${first}` };
  } finally {
    clearTimeout(timer);
  }
}
