/**
 * What every event loop offers, as abstract_loop.ts has it, whose place this takes in
 * bundles for browsers: one body serves all methods.
 */

import type {
  AbstractEventLoop as Whole,
  Runnable,
  TimerHandle,
} from "../events.ts";
import { missing } from "./missing.ts";

const METHODS = "runForever runUntilComplete stop isRunning isClosed close " +
  "shutdownAsyncgens shutdownDefaultExecutor callSoon callLater callAt " +
  "callSoonThreadsafe time createFuture createTask runInExecutor " +
  "setDefaultExecutor getAddrInfo getNameInfo createConnection createServer " +
  "connectAcceptedSocket createDatagramEndpoint startTls sendFile " +
  "connectReadPipe connectWritePipe subprocessShell subprocessExec " +
  "createUnixConnection createUnixServer addReader removeReader addWriter " +
  "removeWriter addSignalHandler removeSignalHandler sockRecv sockRecvInto " +
  "sockRecvFrom sockRecvFromInto sockSendAll sockSendTo sockConnect " +
  "sockAccept sockSendFile setTaskFactory getTaskFactory " +
  "getExceptionHandler setExceptionHandler defaultExceptionHandler " +
  "callExceptionHandler getDebug setDebug";

/** Only what is called of a loop that has nothing but `callSoon`. */
class AbstractEventLoop {
  declare callSoon: (callback: () => void) => unknown;
  declare callAt: (when: number, callback: () => void) => unknown;

  _push(runnable: Runnable): void {
    this.callSoon(() => runnable._run());
  }
  _openStep(): void {}
  _closeStep(): void {}
  _foreign(): void {}
  _fatal(error: unknown): void {
    throw error;
  }
  _addTimer(timer: TimerHandle): void {
    this.callAt(timer._when, () => timer._run());
  }
  _timerHandleCancelled(): void {}
}

for (const method of METHODS.split(" ")) {
  Object.defineProperty(AbstractEventLoop.prototype, method, {
    value(this: object): never {
      throw missing(this, method);
    },
    writable: true,
    configurable: true,
  });
}

const Abstract: typeof Whole = AbstractEventLoop as unknown as typeof Whole;
export { Abstract as AbstractEventLoop };
