import { AllocationReason } from "./allocation-reason.ts";
import { AllocationTier } from "./allocation-tier.ts";
import type { LayerStep } from "./layer-step.ts";

/** A layer that was taken away does not come back sooner than this … */
const HOLD_US = 2_000_000;
/** … and each time that it came back too soon the wait doubles, up to this … */
const MAX_HOLD_US = 30_000_000;
/** … where "too soon" is: it had to be taken away again within this time. */
const FLAP_US = 10_000_000;

/** Nothing is granted: no packet of the track goes out. */
export const NOTHING = -1;

/** One track on its way to one subscriber, as the allocation sees it. */
export class AllocationItem {
  /** Place among the subscriber's tracks; the oldest first where all else is equal. */
  readonly order: number;
  tier: AllocationTier = AllocationTier.OTHER;
  /** When its participant last was the loudest; breaks ties within a tier. */
  spokeAtUs = Number.NEGATIVE_INFINITY;
  /** Wants packets at all. */
  wanted = true;
  /** What may be granted, rising; empty while nothing is being sent. */
  steps: readonly LayerStep[] = [];

  /** Index into `steps` of what is granted; NOTHING for none. */
  granted = NOTHING;
  reason: AllocationReason = AllocationReason.NO_SOURCE;
  /** Layers granted, which outlive changes of `steps`; NOTHING for none, and before the first grant. */
  spatialId = NOTHING;
  temporalId = NOTHING;
  /** Whether an allocation was made for it at all. */
  decided = false;
  /** Layers that were granted and then taken away for want of bandwidth. */
  lowerings = 0;
  raises = 0;

  /** Raising is forbidden until then. */
  #heldUntilUs = Number.NEGATIVE_INFINITY;
  #holdUs = HOLD_US;
  #raisedAtUs = Number.NEGATIVE_INFINITY;

  constructor(order: number) {
    this.order = order;
  }

  /** Index of what is granted now in the present steps: the best that is not above it. */
  get heldIndex(): number {
    if (this.spatialId === NOTHING) return NOTHING;
    let held = NOTHING;
    for (let i = 0; i < this.steps.length; i++) {
      const step = this.steps[i];
      const isAbove =
        step.spatialId > this.spatialId || (step.spatialId === this.spatialId && step.temporalId > this.temporalId);
      if (!isAbove) held = i;
    }
    // All that is sent is above what is granted: the lowest of it is what goes out.
    return held === NOTHING && this.steps.length > 0 ? 0 : held;
  }

  mayRise(nowUs: number): boolean {
    return nowUs >= this.#heldUntilUs;
  }

  /** Takes a decision over. True where the layers changed. */
  grant(index: number, reason: AllocationReason, nowUs: number): boolean {
    const before = this.heldIndex;
    const step = index === NOTHING ? undefined : this.steps[index];
    const spatialId = step === undefined ? NOTHING : step.spatialId;
    const temporalId = step === undefined ? NOTHING : step.temporalId;
    const changed = !this.decided || spatialId !== this.spatialId || temporalId !== this.temporalId;
    if (this.decided && index < before && reason === AllocationReason.BANDWIDTH) this.#lowered(nowUs);
    else if (index > before) this.#raised(nowUs);
    this.decided = true;
    this.granted = index;
    this.reason = reason;
    this.spatialId = spatialId;
    this.temporalId = temporalId;
    return changed;
  }

  #lowered(nowUs: number): void {
    this.lowerings++;
    const flapped = nowUs - this.#raisedAtUs < FLAP_US;
    this.#holdUs = flapped ? Math.min(this.#holdUs * 2, MAX_HOLD_US) : HOLD_US;
    this.#heldUntilUs = nowUs + this.#holdUs;
  }

  #raised(nowUs: number): void {
    this.raises++;
    this.#raisedAtUs = nowUs;
  }
}
