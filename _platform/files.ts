/** Files that are read piece by piece: node:fs on every runtime. */

import { builtin } from "./host.ts";
import { codeOf, systemError } from "./socket_errors.ts";

/** A file that is open for reading. */
export interface OpenFile {
  /**
   * Reads from a position.
   *
   * @param buffer Where to.
   * @param position Where from.
   * @returns How many bytes; 0 at the end.
   */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Closes it. */
  close(): Promise<void>;
}

interface FileHandle {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

interface FilesModule {
  open(path: string | URL, flags: "r"): Promise<FileHandle>;
}

/**
 * Opens a file for reading.
 *
 * @param path Its path.
 * @returns The file.
 * @throws {OSError} When it cannot be opened.
 */
export async function openFile(path: string | URL): Promise<OpenFile> {
  const action = (doing: string, error: unknown) =>
    systemError(`Cannot ${doing} ${path}`, error, codeOf(error) || "EIO");
  let file: FileHandle;
  try {
    file = await builtin<FilesModule>("node:fs/promises")!.open(path, "r");
  } catch (error) {
    throw action("open", error);
  }
  return {
    async read(buffer, position) {
      try {
        const { length } = buffer;
        return (await file.read(buffer, 0, length, position)).bytesRead;
      } catch (error) {
        throw action("read", error);
      }
    },
    close: () => file.close(),
  };
}
