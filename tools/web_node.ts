/**
 * What the tests in a browser get for the few functions of Node that read files: the
 * server of web_tests.ts has the files.
 *
 * @module
 */

function pathOf(file: string | URL): string {
  return typeof file === "string" ? file : file.pathname;
}

/** Asks the server and waits for it, as only a page may. */
function ask(file: string | URL): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open("GET", pathOf(file), false);
  request.send();
  return request;
}

function found(file: string | URL): string {
  const { status, responseText } = ask(file);
  if (status === 200) return responseText;
  throw Object.assign(new Error(`ENOENT: no such file: ${pathOf(file)}`), {
    code: "ENOENT",
  });
}

/** The text of a file. */
export function readFileSync(file: string | URL): string {
  return found(file);
}

/** The names of what is in a folder. */
export function readdirSync(folder: string | URL): string[] {
  return JSON.parse(found(folder)) as string[];
}

/** Whether there is such a file or folder. */
export function existsSync(file: string | URL): boolean {
  return ask(file).status === 200;
}

/** The bytes of a file. */
export async function readFile(file: string | URL): Promise<Uint8Array> {
  return await (await fetch(pathOf(file))).bytes();
}

/** Where a file is, for the functions above. */
export function fileURLToPath(file: string | URL): string {
  return new URL(file).pathname;
}
