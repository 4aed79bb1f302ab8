import { type FakePlatform, fakePlatform } from "../_platform/fake.ts";
import type { FakeSignals } from "../_platform/fake_signals.ts";
import { BaseEventLoop, type ExceptionContext } from "../mod.ts";

/** A loop with signals and a clock of its own, which notes what is reported. */
export class Stage {
  readonly platform: FakePlatform = fakePlatform();
  readonly signals: FakeSignals = this.platform.signals as FakeSignals;
  readonly reports: ExceptionContext[] = [];
  loop: BaseEventLoop | undefined;

  readonly loopFactory = (): BaseEventLoop => {
    this.loop = new BaseEventLoop({ platform: this.platform });
    this.loop.setExceptionHandler((_, context) => {
      this.reports.push(context);
    });
    return this.loop;
  };

  /** Sends SIGINT. */
  press(): void {
    this.signals.send("SIGINT");
  }

  get watching(): boolean {
    return this.signals.isHandled("SIGINT");
  }
}
