/** Files, sent by a socket that the program uses by hand. */

import type { BaseEventLoop } from "../base_events.ts";
import type { Coro } from "../coroutines.ts";
import { SendfileNotAvailableError } from "../exceptions.ts";
import { wrapFuture } from "../futures.ts";
import type { FileSource, SendFileOptions } from "./net_types.ts";
import { checkRange, openSource } from "./send_file.ts";
import type { Socket } from "./socket.ts";

/** How many bytes are read at once. */
const PIECE = 64 * 1024;

/** See `BaseEventLoop.sockSendFile`. */
export function* sockSendFile(
  loop: BaseEventLoop,
  sock: Socket,
  file: FileSource,
  offset: number,
  count: number | null,
  options: SendFileOptions,
): Coro<number> {
  if (sock.type !== "stream") {
    throw new RangeError("only SOCK_STREAM type sockets are supported");
  }
  checkRange(offset, count);
  if (options.fallback === false) {
    throw new SendfileNotAvailableError(
      "sendfile syscall is not available: no runtime offers it; allow the " +
        "fallback",
    );
  }
  const source = yield* openSource(loop, file, offset);
  let sent = 0;
  try {
    while (count === null || sent < count) {
      const room = count === null ? PIECE : Math.min(PIECE, count - sent);
      const piece = yield* wrapFuture(source.read(room), { loop });
      if (piece === null) break;
      yield* loop.sockSendAll(sock, piece);
      sent += piece.length;
    }
    return sent;
  } finally {
    yield* wrapFuture(source.close(sent), { loop });
  }
}
