import type { ServeDuplex } from "@cation/cluster/rpc/duplex";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import type { NodeCapacity } from "@cation/proto/state/v1/state";
import type { Clock } from "@cation/service-kit/clock";
import type { RoomHealing, SfuWorker } from "../sfu-worker.ts";
import type { GroupReport, WorkerGroup, WorkerState } from "../worker-group.ts";
import { WorkerMeter } from "./worker-meter.ts";

/** One worker on the thread of everything else. */
export class InlineWorker implements WorkerGroup {
  readonly service: SfuService;
  readonly serveRelay: ServeDuplex<LinkDown, LinkUp>;
  /** The thread is the caller's own. */
  readonly loopUtilization = 0;
  readonly #worker: SfuWorker;
  readonly #clock: Clock;
  readonly #meter: WorkerMeter;

  constructor(worker: SfuWorker, capacity: NodeCapacity, clock: Clock) {
    this.#worker = worker;
    this.#clock = clock;
    this.#meter = new WorkerMeter(capacity, clock.monotonicMs());
    this.service = worker.service;
    this.serveRelay = worker.serveRelay;
  }

  get workers(): readonly WorkerState[] {
    const { facts, sessionCount: sessions } = this.#worker;
    return [{ facts, running: true, restarts: 0, sessions, packetsPerSecond: this.#meter.packetsPerSecond }];
  }

  get sessionCount(): number {
    return this.#worker.sessionCount;
  }

  start(): Promise<void> {
    this.#worker.start();
    return Promise.resolve();
  }

  report(): Promise<GroupReport> {
    const report = this.#worker.report();
    this.#meter.note(report, this.#clock.monotonicMs());
    return Promise.resolve(report);
  }

  heal(healing: RoomHealing): void {
    this.#worker.heal(healing);
  }

  setDraining(): Promise<void> {
    this.#worker.setDraining();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#worker.close();
  }
}
