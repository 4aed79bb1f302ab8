/**
 * The loops and the policy of the system in use, under one name each; and what is
 * taken where a program does not say: they, and the default executor.
 */

import { platform } from "../_platform/mod.ts";
import type { BaseEventLoop, LoopOptions } from "../base_events.ts";
import {
  type BaseDefaultEventLoopPolicy,
  registerDefaultLoop,
  registerDefaultPolicy,
} from "../events.ts";
import type { BaseSelectorEventLoop } from "../selector_events.ts";
import {
  _UnixDefaultEventLoopPolicy,
  _UnixSelectorEventLoop,
} from "../unix_events.ts";
import {
  _WindowsSelectorEventLoop,
  ProactorEventLoop,
  WindowsProactorEventLoopPolicy,
} from "../windows_events.ts";
import "../_workers/executor.ts";

const windows = platform.os.name === "win32";

/** The loop with sockets of this system. */
export const SelectorEventLoop: new (
  options?: LoopOptions,
) => BaseSelectorEventLoop = windows
  ? _WindowsSelectorEventLoop
  : _UnixSelectorEventLoop;
/** The loop with sockets of this system. */
export type SelectorEventLoop = BaseSelectorEventLoop;

/** The best loop of this system, which `newEventLoop` makes. */
export const EventLoop: new () => BaseEventLoop = windows
  ? ProactorEventLoop
  : _UnixSelectorEventLoop;
/** The best loop of this system, which `newEventLoop` makes. */
export type EventLoop = BaseEventLoop;

/** The policy of this system, in use unless another is set. */
export const DefaultEventLoopPolicy: new () => BaseDefaultEventLoopPolicy =
  windows ? WindowsProactorEventLoopPolicy : _UnixDefaultEventLoopPolicy;
/** The policy of this system, in use unless another is set. */
export type DefaultEventLoopPolicy = BaseDefaultEventLoopPolicy;

export { getEventLoopPolicy, newEventLoop } from "../events.ts";

registerDefaultLoop(() => new EventLoop());
registerDefaultPolicy(() => new DefaultEventLoopPolicy());
