import type { NodeCapacity } from "@cation/proto/state/v1/state";
import type { WorkerReport } from "../sfu-worker.ts";
import type { AssignmentTarget } from "./room-assignments.ts";
import type { PoolWorker } from "./threaded-worker.ts";
import { WorkerMeter } from "./worker-meter.ts";

/** What a room counts for until the load shows it, as a share of a worker: so that many new ones do not herd. */
const FRESH_ROOM_LOAD = 0.05;

/** A worker from the start of its thread to its death. */
export class WorkerLife implements AssignmentTarget {
  readonly worker: PoolWorker;
  readonly meter: WorkerMeter;
  readonly startedAtMs: number;
  /** Takes sessions. */
  started = false;
  #freshRooms = 0;

  /** @param capacity the worker's share of its node's. */
  constructor(worker: PoolWorker, capacity: NodeCapacity, nowMs: number) {
    this.worker = worker;
    this.meter = new WorkerMeter(capacity, nowMs);
    this.startedAtMs = nowMs;
  }

  /** Takes sessions and is not dead. */
  get running(): boolean {
    return this.started && this.worker.alive;
  }

  get load(): number {
    return this.meter.load + this.#freshRooms * FRESH_ROOM_LOAD;
  }

  reserve(): void {
    this.#freshRooms += 1;
  }

  note(report: WorkerReport, nowMs: number): void {
    this.#freshRooms = 0;
    this.meter.note(report, nowMs);
  }
}
