/** How a loop's answers get to who asked for them. */

import {
  type Answer,
  type Hello,
  OVER,
  tellMore,
  tellOver,
} from "./port_words.ts";

/** Sends answers. */
export interface Outbox {
  /**
   * Sends one; where that cannot be done it throws, and nothing was moved.
   *
   * @param apart Whether it may be sent so that who blocks cannot get it.
   */
  send(answer: Answer, list: Transferable[], apart: boolean): void;
  /** Says that there will be no more. */
  over(): void;
  /** The other end has read some of what was written. */
  room(): void;
}

/** Answers as messages. */
export class MessageOutbox implements Outbox {
  readonly #port: MessagePort;
  readonly #cells: Hello["cells"];

  constructor(port: MessagePort, cells: Hello["cells"]) {
    this.#port = port;
    this.#cells = cells;
  }

  send(answer: Answer, list: Transferable[], _apart: boolean): void {
    this.#port.postMessage(answer, list);
    if (this.#cells !== null) tellMore(this.#cells);
  }

  over(): void {
    if (this.#cells === null) {
      this.#port.postMessage([0, OVER, null] satisfies Answer);
    } else tellOver(this.#cells);
  }

  room(): void {}
}
