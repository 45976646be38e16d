import { BucketHistogram } from "@cation/engine/bucket-histogram";
import type { HistogramCounts } from "@cation/engine/bucket-histogram";
import { AllocationReason } from "@cation/proto/client/v1/client";
import type { MediaReport, TrackReport } from "@cation/proto/client/v1/client";

/** Bounds of scores, 1 … 5. */
export const SCORE_BOUNDS = [1.5, 2, 2.5, 3, 3.5, 4, 4.5] as const;

/** How much of a picture got through. */
export type ShareName = "whole" | "held-back" | "paused";

/** What participants were told of their media since the start. */
export interface ReportStats {
  readonly receivedScore: HistogramCounts;
  readonly sentScore: HistogramCounts;
  /** Reported tracks by how much of them got through to receivers. */
  readonly shares: Readonly<Record<ShareName, number>>;
}

/** Counts reports for scrapes. */
export class ReportCounters {
  readonly #received = new BucketHistogram(SCORE_BOUNDS);
  readonly #sent = new BucketHistogram(SCORE_BOUNDS);
  readonly #shares: Record<ShareName, number> = { whole: 0, "held-back": 0, paused: 0 };

  add({ received, sent }: MediaReport): void {
    for (const track of received) {
      if (track.score > 0) this.#received.add(track.score);
      if (track.reason !== AllocationReason.UNSPECIFIED) this.#shares[shareOf(track)]++;
    }
    for (const { score } of sent) if (score > 0) this.#sent.add(score);
  }

  /** A fresh copy. */
  snapshot(): ReportStats {
    return {
      receivedScore: this.#received.snapshot(),
      sentScore: this.#sent.snapshot(),
      shares: { ...this.#shares },
    };
  }
}

function shareOf({ reason, paused }: TrackReport): ShareName {
  if (reason === AllocationReason.AS_WISHED) return "whole";
  return paused ? "paused" : "held-back";
}
