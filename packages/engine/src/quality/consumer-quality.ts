import { NOTHING } from "../allocation/allocation-item.ts";
import { AllocationReason } from "../allocation/allocation-reason.ts";
import type { Consumer } from "../consumer.ts";
import { audioScore } from "./audio-score.ts";
import { videoScore } from "./video-score.ts";

/** How well a track reaches one receiver. */
export interface ConsumerQuality {
  /** Of the last report interval, 0 … 1. */
  readonly loss: number;
  readonly jitterMs: number;
  /** -1 before it is known. */
  readonly roundTripMs: number;
  /** 1 … 5; 0 before anything is known, and while the receiver wants nothing. */
  readonly score: number;
  /** What is sent now; NOTHING where nothing is. */
  readonly spatialId: number;
  readonly temporalId: number;
}

/** Fresh figures by what the receiver reported last; for statistics. */
export function consumerQuality(consumer: Consumer): ConsumerQuality {
  const [stats] = consumer.stats();
  const { allocation, transport } = consumer;
  const loss = Math.max(0, stats.reportedFractionLost);
  const jitterMs = Math.max(0, stats.reportedJitterUs) / 1_000;
  const rttUs = stats.rttUs >= 0 ? stats.rttUs : transport.rttUs;
  const roundTripMs = rttUs < 0 ? -1 : rttUs / 1_000;
  const isFlowing = stats.encoding >= 0;
  const isKnown = stats.packets > 0 && stats.reportedFractionLost >= 0;
  const layers = {
    spatialId: isFlowing ? (allocation?.spatialId ?? stats.encoding) : NOTHING,
    temporalId: isFlowing ? (allocation?.temporalId ?? 0) : NOTHING,
  };
  const path = { loss, jitterMs, roundTripMs, ...layers };
  if (allocation === undefined) {
    return { ...path, score: isKnown ? audioScore({ loss, jitterMs, roundTripMs: Math.max(0, roundTripMs) }) : 0 };
  }
  if (allocation.reason === AllocationReason.PAUSED || allocation.reason === AllocationReason.NO_SOURCE) {
    return { ...path, score: 0 };
  }
  const best = allocation.steps.at(-1)?.bitrateBps ?? 0;
  const granted = allocation.granted === NOTHING ? 0 : (allocation.steps[allocation.granted]?.bitrateBps ?? best);
  const stalled = allocation.granted === NOTHING;
  if (!stalled && !isKnown) return { ...path, score: 0 };
  return { ...path, score: videoScore({ loss, share: best === 0 ? 1 : granted / best, stalled }) };
}
