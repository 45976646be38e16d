import type { ServeDuplex } from "@cation/cluster/rpc/duplex";
import type { RoomPosition } from "@cation/proto/islb/v1/islb";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import type { RoomFigures } from "./room-figures.ts";
import type { RoomHealing, WorkerFacts } from "./sfu-worker.ts";
import type { WorkerStats } from "./worker-stats.ts";

/** One worker, as operators see it. */
export interface WorkerState {
  /** Since it opened last. */
  readonly facts: WorkerFacts;
  /** False between the death of its thread and the next one. */
  readonly running: boolean;
  /** Times that its thread was started anew. */
  readonly restarts: number;
  readonly sessions: number;
  readonly packetsPerSecond: number;
}

/** All workers together. */
export interface GroupReport {
  /** Sums over the workers; totals also over those that died. */
  readonly stats: WorkerStats;
  readonly rooms: readonly RoomPosition[];
  /** Of rooms, for metrics. */
  readonly figures: readonly RoomFigures[];
}

/** The workers of an sfu: one on this thread, or several on threads of their own. */
export interface WorkerGroup {
  /** Serves every room, on whichever worker it is. */
  readonly service: SfuService;
  readonly serveRelay: ServeDuplex<LinkDown, LinkUp>;
  /** By index. */
  readonly workers: readonly WorkerState[];
  /** As of the last report where workers are threads. */
  readonly sessionCount: number;
  /** Mean share of the time that deciding threads other than this one were busy, 0 … 1. */
  readonly loopUtilization: number;
  start(): Promise<void>;
  /** Asks every worker. One that does not answer soon counts as it was. Never rejects. */
  report(): Promise<GroupReport>;
  heal(healing: RoomHealing): void;
  /** From now on no session is opened. */
  setDraining(): Promise<void>;
  /** Ends everything. Idempotent. */
  close(): Promise<void>;
}
