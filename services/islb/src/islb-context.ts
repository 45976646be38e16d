import type { EventBus } from "@cation/cluster/events/event-bus";
import type { NodeRegistry } from "@cation/cluster/store/node-registry";
import type { RoomStore, StoredChange } from "@cation/cluster/store/room-store";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import type { EventAnnouncer } from "./event-announcer.ts";
import type { IslbSettings } from "./islb-config.ts";
import type { IslbMetrics } from "./islb-metrics.ts";
import type { JoinPacer } from "./join-pacer.ts";
import type { RelayPlans } from "./relay-plan/relay-plans.ts";
import type { StoreCalm } from "./store-calm.ts";

/** What every part of islb works with. */
export interface IslbContext {
  readonly store: RoomStore;
  readonly registry: NodeRegistry;
  readonly events: EventBus;
  readonly clock: Clock;
  /** Uniform in 0 … 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly settings: IslbSettings;
  readonly metrics: IslbMetrics;
  readonly calm: StoreCalm;
  readonly relayPlans: RelayPlans;
  readonly announcer: EventAnnouncer;
  readonly pacer: JoinPacer;
}

/** Tells everybody of a change. Returns it, for what else is done with it. */
export function publishChange<T extends StoredChange>(context: IslbContext, change: T): T {
  for (const event of change.events) {
    context.announcer.publish(event);
    context.metrics.events.inc({ change: event.change?.$case ?? "none" });
  }
  context.relayPlans.follow(change.events);
  return change;
}

/** Runs something that reads or writes the store, and notes whether it could be reached. */
export async function watchStore<T>(context: IslbContext, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    context.calm.noteSuccess();
    return result;
  } catch (error) {
    if (error instanceof CodedError && error.code === "STORE_UNAVAILABLE") context.calm.noteTrouble();
    throw error;
  } finally {
    context.metrics.storeReachable.set(context.calm.reachable ? 1 : 0);
  }
}
