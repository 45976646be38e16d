import type { FeedbackBatch } from "./feedback-batch.ts";

const WINDOW = 15;
const MIN_DURATION_US = 250_000;
const WEIGHT = 0.9;
const MEDIAN_FACTOR = 2;

/**
 * The last 15 observations of loss, each over at least 250 ms of sending, newer ones weighing more (libwebrtc's LossBasedBweV2,
 * counting bytes). Slots 0 … `size`-1 are valid, in no order.
 */
export class LossObservations {
  /** Observations so far. */
  total = 0;
  /** When the last packet of the newest observation was sent. */
  lastSentUs = Number.NaN;
  /** Share of bytes lost over the window, its best and its worst observation left out; 0 … 1. */
  averageLoss = 0;

  readonly sendingBps = new Float64Array(WINDOW);
  readonly lostKilobytes = new Float64Array(WINDOW);
  readonly receivedKilobytes = new Float64Array(WINDOW);

  readonly #weights = Float64Array.from({ length: WINDOW }, (_, age) => WEIGHT ** age);
  readonly #sorted = new Float64Array(WINDOW);
  #partialBytes = 0;
  #partialLostBytes = 0;

  get size(): number {
    return Math.min(this.total, WINDOW);
  }

  /** Weight of a slot by its age. */
  weight(slot: number): number {
    const newest = (this.total - 1) % WINDOW;
    return this.#weights[(newest - slot + WINDOW) % WINDOW];
  }

  /** Adds what a feedback message reported. True where that completed an observation. */
  add(batch: FeedbackBatch): boolean {
    this.#partialBytes += batch.reportedBytes;
    this.#partialLostBytes = Math.max(0, this.#partialLostBytes + batch.lostBytes - batch.recoveredBytes);
    if (batch.reportedPackets === 0) return false;
    if (Number.isNaN(this.lastSentUs)) this.lastSentUs = batch.firstSentUs;
    const durationUs = batch.lastSentUs - this.lastSentUs;
    if (durationUs < MIN_DURATION_US) return false;

    this.lastSentUs = batch.lastSentUs;
    const slot = this.total % WINDOW;
    this.sendingBps[slot] = (this.#partialBytes * 8_000_000) / durationUs;
    this.lostKilobytes[slot] = this.#partialLostBytes / 1_000;
    this.receivedKilobytes[slot] = (this.#partialBytes - this.#partialLostBytes) / 1_000;
    this.total++;
    this.#partialBytes = 0;
    this.#partialLostBytes = 0;
    this.averageLoss = this.#average();
    return true;
  }

  #average(): number {
    let bytes = 0;
    let lost = 0;
    let worst = -1;
    let best = -1;
    let worstRate = 0;
    let bestRate = 1;
    for (let slot = 0; slot < this.size; slot++) {
      const weight = this.weight(slot);
      const slotBytes = this.lostKilobytes[slot] + this.receivedKilobytes[slot];
      bytes += weight * slotBytes;
      lost += weight * this.lostKilobytes[slot];
      if (this.total <= 3) continue;
      const rate = slotBytes === 0 ? 0 : this.lostKilobytes[slot] / slotBytes;
      if (rate > worstRate) {
        worstRate = rate;
        worst = slot;
      }
      if (rate < bestRate) {
        bestRate = rate;
        best = slot;
      }
    }
    if (bytes === 0) return 0;
    // Much more was sent than usual when most was lost: that was no spike.
    if (worst >= 0 && this.sendingBps[worst] >= MEDIAN_FACTOR * this.#medianSendingBps()) return lost / bytes;
    const outerBytes = this.#weightedBytes(worst) + this.#weightedBytes(best);
    if (outerBytes >= bytes) return lost / bytes;
    const outerLost = this.#weightedLost(worst) + this.#weightedLost(best);
    return Math.max(0, (lost - outerLost) / (bytes - outerBytes));
  }

  #weightedBytes(slot: number): number {
    return slot < 0 ? 0 : this.weight(slot) * (this.lostKilobytes[slot] + this.receivedKilobytes[slot]);
  }

  #weightedLost(slot: number): number {
    return slot < 0 ? 0 : this.weight(slot) * this.lostKilobytes[slot];
  }

  #medianSendingBps(): number {
    let count = 0;
    for (let slot = 0; slot < this.size; slot++) {
      const rateBps = this.sendingBps[slot];
      if (rateBps === 0) continue;
      let at = count++;
      for (; at > 0 && this.#sorted[at - 1] > rateBps; at--) this.#sorted[at] = this.#sorted[at - 1];
      this.#sorted[at] = rateBps;
    }
    if (count === 0) return 0;
    const middle = count >> 1;
    return count % 2 === 1 ? this.#sorted[middle] : (this.#sorted[middle - 1] + this.#sorted[middle]) / 2;
  }
}
