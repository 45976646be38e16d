/** Packets sent within this time of the first one are one group. */
const GROUP_US = 5_000;
/** Packets that arrive this close, faster than they were sent, are one burst, whenever they were sent. */
const BURST_GAP_US = 5_000;
const BURST_MAX_US = 100_000;
/** Arrival clock and ours differ by this much between two groups: the clock was set anew. */
const CLOCK_OFFSET_US = 3_000_000;
const REORDERED_RESET = 3;

class SendTimeGroup {
  firstSentUs = Number.NaN;
  lastSentUs = 0;
  firstArrivalUs = 0;
  completeUs = Number.NaN;
  feedbackUs = 0;

  get empty(): boolean {
    return Number.isNaN(this.completeUs);
  }

  start(sentUs: number, arrivalUs: number): void {
    this.firstSentUs = sentUs;
    this.lastSentUs = sentUs;
    this.firstArrivalUs = arrivalUs;
  }

  copy(other: SendTimeGroup): void {
    this.firstSentUs = other.firstSentUs;
    this.lastSentUs = other.lastSentUs;
    this.firstArrivalUs = other.firstArrivalUs;
    this.completeUs = other.completeUs;
    this.feedbackUs = other.feedbackUs;
  }

  clear(): void {
    this.firstSentUs = Number.NaN;
    this.completeUs = Number.NaN;
  }
}

/**
 * Groups packets by the time they were sent and gives, for each completed group, how much later than the one before it was sent
 * and arrived (libwebrtc's InterArrivalDelta).
 */
export class InterArrivalDelta {
  sentDeltaUs = 0;
  arrivalDeltaUs = 0;

  readonly #current = new SendTimeGroup();
  readonly #previous = new SendTimeGroup();
  #reordered = 0;

  /** Takes the next packet in order of arrival. True where the deltas are new. */
  add(sentUs: number, arrivalUs: number, feedbackUs: number): boolean {
    const current = this.#current;
    let computed = false;
    if (current.empty) {
      current.start(sentUs, arrivalUs);
    } else if (sentUs < current.firstSentUs) {
      return false;
    } else if (this.#startsGroup(sentUs, arrivalUs)) {
      if (!this.#previous.empty) {
        if (!this.#compute()) return false;
        computed = true;
      }
      this.#previous.copy(current);
      current.start(sentUs, arrivalUs);
    } else if (sentUs > current.lastSentUs) {
      current.lastSentUs = sentUs;
    }
    current.completeUs = arrivalUs;
    current.feedbackUs = feedbackUs;
    return computed;
  }

  reset(): void {
    this.#reordered = 0;
    this.#current.clear();
    this.#previous.clear();
  }

  #compute(): boolean {
    this.sentDeltaUs = this.#current.lastSentUs - this.#previous.lastSentUs;
    this.arrivalDeltaUs = this.#current.completeUs - this.#previous.completeUs;
    const feedbackDeltaUs = this.#current.feedbackUs - this.#previous.feedbackUs;
    if (this.arrivalDeltaUs - feedbackDeltaUs >= CLOCK_OFFSET_US) {
      this.reset();
      return false;
    }
    if (this.arrivalDeltaUs < 0) {
      this.#reordered++;
      if (this.#reordered >= REORDERED_RESET) this.reset();
      return false;
    }
    this.#reordered = 0;
    return true;
  }

  #startsGroup(sentUs: number, arrivalUs: number): boolean {
    if (this.#belongsToBurst(sentUs, arrivalUs)) return false;
    return sentUs - this.#current.firstSentUs > GROUP_US;
  }

  #belongsToBurst(sentUs: number, arrivalUs: number): boolean {
    const sentDeltaUs = sentUs - this.#current.lastSentUs;
    if (sentDeltaUs === 0) return true;
    const arrivalDeltaUs = arrivalUs - this.#current.completeUs;
    return (
      arrivalDeltaUs < sentDeltaUs &&
      arrivalDeltaUs <= BURST_GAP_US &&
      arrivalUs - this.#current.firstArrivalUs < BURST_MAX_US
    );
  }
}
