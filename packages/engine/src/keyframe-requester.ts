/**
 * Decides when an encoding's sender is asked for a keyframe: however many ask, one request a window; asked again, at
 * growing intervals, until a keyframe comes.
 */
export class KeyframeRequester {
  readonly #windowUs: number;
  readonly #retryMaxUs: number;
  #lastSentUs = Number.NEGATIVE_INFINITY;
  #retryUs: number;
  #wanted = false;
  /** No request before this time. */
  #dueUs = Number.POSITIVE_INFINITY;

  constructor(windowUs: number, retryMaxUs: number) {
    this.#windowUs = windowUs;
    this.#retryMaxUs = retryMaxUs;
    this.#retryUs = windowUs;
  }

  /** Whether a keyframe is awaited. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** When `take` will be true next; infinite while nobody wants a keyframe. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /** Somebody needs a keyframe. */
  request(nowUs: number): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#retryUs = this.#windowUs;
    this.#dueUs = Math.max(nowUs, this.#lastSentUs + this.#windowUs);
  }

  /** True when a request is to be sent now; the caller sends it. */
  take(nowUs: number): boolean {
    if (nowUs < this.#dueUs) return false;
    this.#lastSentUs = nowUs;
    this.#dueUs = nowUs + this.#retryUs;
    this.#retryUs = Math.min(this.#retryUs * 2, this.#retryMaxUs);
    return true;
  }

  /** A keyframe begins. */
  satisfied(): void {
    this.#wanted = false;
    this.#dueUs = Number.POSITIVE_INFINITY;
  }

  /** The sender came back after a pause: an awaited keyframe is asked for without waiting for the retry. */
  resumed(nowUs: number): void {
    if (!this.#wanted) return;
    this.#retryUs = this.#windowUs;
    this.#dueUs = Math.max(nowUs, this.#lastSentUs + this.#windowUs);
  }
}
