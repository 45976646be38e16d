import { BucketHistogram } from "@cation/engine/bucket-histogram";
import type { HistogramCounts } from "@cation/engine/bucket-histogram";
import type { Consumer } from "@cation/engine/consumer";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import { RECEIVE_RECORD_BYTES } from "@cation/engine/receive-batch";
import type { MonoUs } from "@cation/rtp/units";

export const FORWARD_DELAY_BOUNDS_US = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000] as const;
export const CONNECT_BOUNDS_US = [
  10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
] as const;
export const FIRST_FRAME_BOUNDS_US = CONNECT_BOUNDS_US;

const RECORD_DOUBLES = RECEIVE_RECORD_BYTES / 8;
/** Place of the arrival in a record. */
const ARRIVAL_DOUBLE = 3;

/** Distributions since the start. */
export interface MediaTimingStats {
  readonly forwardDelayUs: HistogramCounts;
  readonly connectUs: HistogramCounts;
  readonly firstFrameUs: HistogramCounts;
}

/** How long a worker's media takes, counted for scrapes. */
export class MediaTimings {
  readonly #forwardDelay = new BucketHistogram(FORWARD_DELAY_BOUNDS_US);
  readonly #connect = new BucketHistogram(CONNECT_BOUNDS_US);
  readonly #firstFrame = new BucketHistogram(FIRST_FRAME_BOUNDS_US);
  /** Since when each consumer of video is wanted; until its first frame goes out. */
  readonly #waiting = new Map<Consumer, number>();

  /** All copies of a batch were handed on at `doneUs`: one compare or more and an increment a received packet. */
  forwarded(batch: ReceiveBatch, doneUs: number): void {
    const { f64, count } = batch;
    for (let i = 0; i < count; i++) this.#forwardDelay.add(doneUs - f64[i * RECORD_DOUBLES + ARRIVAL_DOUBLE]);
  }

  /** A transport that was opened at `openedUs` has its keys. */
  connected(openedUs: MonoUs, nowUs: MonoUs): void {
    this.#connect.add(nowUs - openedUs);
  }

  /** From now on the consumer's first frame is awaited. Not for what is paused: nobody waits for that. */
  awaitFirstFrame(consumer: Consumer, wantedSinceUs: MonoUs): void {
    if (consumer.producer.params.kind === "video" && !consumer.paused) this.#waiting.set(consumer, wantedSinceUs);
  }

  /** The consumer sends. */
  sourced(consumer: Consumer, nowUs: MonoUs): void {
    const sinceUs = this.#waiting.get(consumer);
    if (sinceUs === undefined) return;
    this.#waiting.delete(consumer);
    this.#firstFrame.add(nowUs - sinceUs);
  }

  /** The consumer is closed or paused. */
  forget(consumer: Consumer): void {
    this.#waiting.delete(consumer);
  }

  snapshot(): MediaTimingStats {
    return {
      forwardDelayUs: this.#forwardDelay.snapshot(),
      connectUs: this.#connect.snapshot(),
      firstFrameUs: this.#firstFrame.snapshot(),
    };
  }
}
