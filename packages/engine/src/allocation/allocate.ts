import { AllocationReason } from "./allocation-reason.ts";
import { LAST_FOREGROUND_TIER } from "./allocation-tier.ts";
import type { AllocationItem } from "./allocation-item.ts";
import { NOTHING } from "./allocation-item.ts";

/** What is granted for the first time, or again, must fit with so much to spare: bitrates are never quite steady. */
const RAISE_MARGIN = 0.1;
/** A picture in the foreground gets so many lines before others get any. */
const FOREGROUND_HEIGHT = 360;

/**
 * Shares `budgetBps` among the tracks of one subscriber and writes each one's index into `granted` and `reasons` (in the
 * order of `items`, which is sorted by importance first). Pure: what is granted is not taken over yet.
 *
 * 1. From the most important on, each track gets its lowest layer; in the foreground it goes on to 360 lines.
 * 2. Tier by tier, tracks of one tier rise in turns, one layer at a time, until nothing more fits.
 *
 * What a track has already costs what it costs; what it has not must fit with a margin, and into `raiseBudgetBps`, and is
 * not tried while the track is held after a lowering.
 */
export function allocate(
  items: readonly AllocationItem[],
  budgetBps: number,
  raiseBudgetBps: number,
  nowUs: number,
  granted: number[],
  reasons: AllocationReason[],
): number {
  const reserveBps = raiseBudgetBps < budgetBps ? budgetBps - raiseBudgetBps : 0;
  let usedBps = 0;
  let leftBps = budgetBps;
  for (let i = 0; i < items.length; i++) {
    granted[i] = NOTHING;
    const floor = essentialIndex(items[i]);
    for (let next = 0; next <= floor; next++) {
      const cost = costOfRaise(items[i], granted[i], next, leftBps, reserveBps, nowUs);
      if (cost < 0) break;
      leftBps -= cost;
      granted[i] = next;
    }
  }
  for (let from = 0; from < items.length; from = endOfTier(items, from)) {
    leftBps = raiseTier(items, from, endOfTier(items, from), leftBps, reserveBps, nowUs, granted);
  }
  for (let i = 0; i < items.length; i++) {
    reasons[i] = reasonFor(items[i], granted[i]);
    if (granted[i] !== NOTHING) usedBps += items[i].steps[granted[i]].bitrateBps;
  }
  return usedBps;
}

/** Most important first: by tier, by who spoke last, what flows before what does not, the oldest first. */
export function compareItems(a: AllocationItem, b: AllocationItem): number {
  if (a.tier !== b.tier) return a.tier - b.tier;
  if (a.spokeAtUs !== b.spokeAtUs) return b.spokeAtUs > a.spokeAtUs ? 1 : -1;
  const flows = Number(b.spatialId !== NOTHING) - Number(a.spatialId !== NOTHING);
  return flows === 0 ? a.order - b.order : flows;
}

/** What all would cost if everybody had the best that was wished. */
export function demandOf(items: readonly AllocationItem[]): number {
  let sumBps = 0;
  for (let i = 0; i < items.length; i++) {
    const best = items[i].steps.at(-1);
    if (items[i].wanted && best !== undefined) sumBps += best.bitrateBps;
  }
  return sumBps;
}

/** What is granted now costs this much by the present bitrates. */
export function costOf(items: readonly AllocationItem[]): number {
  let sumBps = 0;
  for (let i = 0; i < items.length; i++) {
    const held = items[i].wanted ? items[i].heldIndex : NOTHING;
    if (held !== NOTHING) sumBps += items[i].steps[held].bitrateBps;
  }
  return sumBps;
}

function raiseTier(
  items: readonly AllocationItem[],
  from: number,
  end: number,
  budgetBps: number,
  reserveBps: number,
  nowUs: number,
  granted: number[],
): number {
  let leftBps = budgetBps;
  for (let raised = true; raised;) {
    raised = false;
    for (let i = from; i < end; i++) {
      // Nothing was granted: not even the lowest layer fits, or none is wanted.
      if (granted[i] === NOTHING) continue;
      const cost = costOfRaise(items[i], granted[i], granted[i] + 1, leftBps, reserveBps, nowUs);
      if (cost < 0) continue;
      leftBps -= cost;
      granted[i]++;
      raised = true;
    }
  }
  return leftBps;
}

/** What going from one step to another costs; -1 where it does not fit, or is not to be had. */
function costOfRaise(
  item: AllocationItem,
  from: number,
  to: number,
  leftBps: number,
  reserveBps: number,
  nowUs: number,
): number {
  if (!item.wanted || to >= item.steps.length) return -1;
  const { bitrateBps } = item.steps[to];
  const cost = from === NOTHING ? bitrateBps : bitrateBps - item.steps[from].bitrateBps;
  const isNew = to > item.heldIndex;
  if (isNew && item.decided && !item.mayRise(nowUs)) return -1;
  const spareBps = isNew ? bitrateBps * RAISE_MARGIN + reserveBps : 0;
  return cost + spareBps <= leftBps ? cost : -1;
}

function essentialIndex(item: AllocationItem): number {
  if (item.tier > LAST_FOREGROUND_TIER) return 0;
  const { steps } = item;
  for (let i = 0; i < steps.length; i++) if (steps[i].height >= FOREGROUND_HEIGHT) return i;
  // Sizes are not known: the middle of the ladder.
  return steps.at(-1)?.height === 0 ? steps.length >> 1 : steps.length - 1;
}

function endOfTier(items: readonly AllocationItem[], from: number): number {
  let end = from + 1;
  while (end < items.length && items[end].tier === items[from].tier) end++;
  return end;
}

function reasonFor(item: AllocationItem, granted: number): AllocationReason {
  if (!item.wanted) return AllocationReason.PAUSED;
  if (item.steps.length === 0) return AllocationReason.NO_SOURCE;
  return granted === item.steps.length - 1 ? AllocationReason.AS_WISHED : AllocationReason.BANDWIDTH;
}
