import { BucketHistogram } from "./bucket-histogram.ts";
import type { HistogramCounts } from "./bucket-histogram.ts";

/** RTCP that peers sent and got. "Numbers" are sequence numbers named in NACKs. */
export const RtcpCounter = {
  SENDER_REPORT_RECEIVED: 0,
  SENDER_REPORT_SENT: 1,
  RECEIVER_REPORT_RECEIVED: 2,
  RECEIVER_REPORT_SENT: 3,
  NACK_RECEIVED: 4,
  NACK_SENT: 5,
  NACK_NUMBERS_RECEIVED: 6,
  NACK_NUMBERS_SENT: 7,
  PLI_RECEIVED: 8,
  PLI_SENT: 9,
  FIR_RECEIVED: 10,
  FIR_SENT: 11,
} as const;
export type RtcpCounter = (typeof RtcpCounter)[keyof typeof RtcpCounter];

/** Names by number: "nack-received". */
export const RTCP_COUNTER_NAMES: readonly string[] = Object.keys(RtcpCounter).map((name) =>
  name.toLowerCase().replaceAll("_", "-"),
);

/** Share of packets lost in a report interval, 0 … 1. */
export const LOSS_BOUNDS = [0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5] as const;
export const JITTER_BOUNDS_US = [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000] as const;
export const ROUND_TRIP_BOUNDS_US = [
  1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
] as const;

/** What reports said of streams in one direction, one sample a report block. */
export class DirectionQuality {
  readonly loss = new BucketHistogram(LOSS_BOUNDS);
  readonly jitter = new BucketHistogram(JITTER_BOUNDS_US);
  readonly #lost = new Float64Array(1);

  /** @param lostPackets since the report before; late packets may make it negative, which counts as none */
  add(fractionLost: number, lostPackets: number, jitterUs: number): void {
    this.loss.add(fractionLost);
    this.jitter.add(jitterUs);
    if (lostPackets > 0) this.#lost[0] += lostPackets;
  }

  snapshot(): DirectionQualityStats {
    return { loss: this.loss.snapshot(), jitterUs: this.jitter.snapshot(), lostPackets: this.#lost[0] };
  }
}

/** Distributions over report blocks since the start. */
export interface DirectionQualityStats {
  readonly loss: HistogramCounts;
  readonly jitterUs: HistogramCounts;
  readonly lostPackets: number;
}

/** Of a whole engine. */
export interface QualityStats {
  /** From publishers and relays, as we measure it. */
  readonly received: DirectionQualityStats;
  /** To clients and relays, as they report it. */
  readonly sent: DirectionQualityStats;
  readonly roundTripUs: HistogramCounts;
  /** By name of RtcpCounter. */
  readonly rtcp: Readonly<Record<string, number>>;
}

/** What RTCP told an engine and what it said, counted for scrapes. Nothing here is touched by an RTP packet. */
export class QualityCounters {
  readonly received = new DirectionQuality();
  readonly sent = new DirectionQuality();
  readonly roundTrip = new BucketHistogram(ROUND_TRIP_BOUNDS_US);
  readonly #rtcp = new Float64Array(RTCP_COUNTER_NAMES.length);

  count(counter: RtcpCounter, by = 1): void {
    this.#rtcp[counter] += by;
  }

  /** A fresh copy. */
  snapshot(): QualityStats {
    const rtcp: Record<string, number> = {};
    for (const [i, name] of RTCP_COUNTER_NAMES.entries()) rtcp[name] = this.#rtcp[i];
    return {
      received: this.received.snapshot(),
      sent: this.sent.snapshot(),
      roundTripUs: this.roundTrip.snapshot(),
      rtcp,
    };
  }
}
