import { allocate, compareItems, costOf, demandOf } from "./allocate.ts";
import type { AllocationItem } from "./allocation-item.ts";
import type { AllocationReason } from "./allocation-reason.ts";

/** Bitrates and estimates are looked at again this often, while there is an estimate. */
export const ALLOCATION_INTERVAL_US = 200_000;
/** So much above the budget is borne for a moment: a keyframe or a busy scene is over before a switch would help. */
const OVERSHOOT = 0.1;
/** More is granted only if it fitted into each of this many last targets: a target that wanders raises nothing. */
const REMEMBERED_TARGETS = 5;
const OVERSHOOT_PATIENCE_US = 600_000;

/** Told of an item whose layers or whose reason changed. */
export type AllocationListener = (item: AllocationItem, nowUs: number) => void;

/**
 * Shares what one subscriber's network carries among its tracks. Without an estimate (no congestion control was
 * negotiated) everything wished is granted. One run costs O(items); nothing happens per packet.
 */
export class SubscriberAllocator {
  /** Kept sorted by importance. */
  readonly items: AllocationItem[] = [];
  /** When it wants to be run next; infinite while nothing changes. */
  dueUs = Number.POSITIVE_INFINITY;
  /** What the network carries, audio and repetitions included; infinite where there is no estimate. */
  targetBps = Number.POSITIVE_INFINITY;
  /** What is granted costs, audio included. */
  allocatedBps = 0;
  /** What would be sent if the network carried everything: what probing has to prove. */
  demandBps = 0;

  readonly #listener: AllocationListener;
  readonly #granted: number[] = [];
  readonly #reasons: AllocationReason[] = [];
  readonly #targets = new Float64Array(REMEMBERED_TARGETS).fill(Number.POSITIVE_INFINITY);
  #runs = 0;
  #overSinceUs = -1;

  constructor(listener: AllocationListener) {
    this.#listener = listener;
  }

  add(item: AllocationItem, nowUs: number): void {
    this.items.push(item);
    this.wake(nowUs);
  }

  remove(item: AllocationItem, nowUs: number): void {
    const index = this.items.indexOf(item);
    if (index < 0) return;
    this.items.splice(index, 1);
    this.wake(nowUs);
  }

  /** A wish, or what is being sent, has changed. */
  wake(nowUs: number): void {
    this.dueUs = Math.min(this.dueUs, nowUs);
  }

  /** The estimate moved. A fall below what is granted is acted on at once, a rise at the next interval. */
  setTarget(targetBps: number, nowUs: number): void {
    const hadNone = this.targetBps === Number.POSITIVE_INFINITY;
    this.targetBps = targetBps;
    if (hadNone || targetBps < this.allocatedBps || targetBps === Number.POSITIVE_INFINITY) this.wake(nowUs);
    else this.dueUs = Math.min(this.dueUs, nowUs + ALLOCATION_INTERVAL_US);
  }

  /** Decides anew. The items' steps, tiers and wishes are up to date; `audioBps` is sent whatever happens. */
  run(audioBps: number, nowUs: number): void {
    const { items } = this;
    sortInPlace(items);
    const costBps = costOf(items);
    const budgetBps = this.#budget(this.targetBps - audioBps, costBps, nowUs);
    this.#targets[this.#runs++ % REMEMBERED_TARGETS] = this.targetBps;
    const isUnlimited = this.targetBps === Number.POSITIVE_INFINITY;
    const raiseBudgetBps = isUnlimited ? this.targetBps : Math.min(...this.#targets) - audioBps;
    const usedBps = allocate(items, budgetBps, raiseBudgetBps, nowUs, this.#granted, this.#reasons);
    this.allocatedBps = audioBps + usedBps;
    this.demandBps = audioBps + demandOf(items);
    this.dueUs = isUnlimited || items.length === 0 ? Number.POSITIVE_INFINITY : nowUs + ALLOCATION_INTERVAL_US;
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      const reason = item.reason;
      const isNews = item.grant(this.#granted[i], this.#reasons[i], nowUs) || reason !== item.reason;
      if (isNews) this.#listener(item, nowUs);
    }
  }

  /** What may be granted: for a moment more than the target, where that is what flows already. */
  #budget(targetBps: number, costBps: number, nowUs: number): number {
    if (costBps <= targetBps) {
      this.#overSinceUs = -1;
      return targetBps;
    }
    if (this.#overSinceUs < 0) this.#overSinceUs = nowUs;
    const isBearable = costBps <= targetBps * (1 + OVERSHOOT) && nowUs - this.#overSinceUs < OVERSHOOT_PATIENCE_US;
    // One bit more: sums in another order differ in their last digits.
    return isBearable ? costBps + 1 : Math.max(0, targetBps);
  }
}

/** Insertion sort: the order hardly changes between two runs. */
function sortInPlace(items: AllocationItem[]): void {
  for (let i = 1; i < items.length; i++) {
    const item = items[i];
    let j = i - 1;
    while (j >= 0 && compareItems(items[j], item) > 0) {
      items[j + 1] = items[j];
      j--;
    }
    items[j + 1] = item;
  }
}
