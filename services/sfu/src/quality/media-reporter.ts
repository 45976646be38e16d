import { consumerQuality } from "@cation/engine/quality/consumer-quality";
import { producerQuality } from "@cation/engine/quality/producer-quality";
import type { Consumer } from "@cation/engine/consumer";
import type { Producer } from "@cation/engine/producer";
import type { MediaReport, TrackReport } from "@cation/proto/client/v1/client";
import type { MonoUs } from "@cation/rtp/units";
import { toReason } from "../allocation-teller.ts";

/** A participant's media as it is reported. */
export interface ReportedMedia {
  /** What it receives, by track id. */
  readonly consumers: ReadonlyMap<string, Consumer>;
  /** What it sends, by track id. */
  readonly producers: ReadonlyMap<string, Producer>;
}

/** A report, and what it comes down to. */
export interface ScoredReport {
  readonly report: MediaReport;
  /** 1 … 5, the worse of what is received (on average) and sent (the worst track); 0 while nothing is known. */
  readonly score: number;
}

/** Makes the reports of one participant. Remembers what was counted last: bitrates are between two reports. */
export class MediaReporter {
  readonly #counted = new WeakMap<Consumer, { readonly bytes: number; readonly atUs: number }>();

  report({ consumers, producers }: ReportedMedia, nowUs: MonoUs): ScoredReport {
    const received = [...consumers].map(([trackId, consumer]) => this.#received(trackId, consumer, nowUs));
    const sent = [...producers].map(([trackId, producer]) => describeSent(trackId, producer, nowUs));
    const transport = consumers.values().next().value?.transport;
    const targetBps = transport?.allocator.targetBps ?? Number.POSITIVE_INFINITY;
    const rttUs = transport?.rttUs ?? -1;
    return {
      report: {
        targetBps: Number.isFinite(targetBps) ? Math.round(targetBps) : 0,
        allocatedBps: Math.round(transport?.allocator.allocatedBps ?? 0),
        demandBps: Math.round(transport?.allocator.demandBps ?? 0),
        roundTripMs: rttUs < 0 ? undefined : rttUs / 1_000,
        received,
        sent,
      },
      score: worseOf(meanOf(knownScores(received)), lowestOf(knownScores(sent))),
    };
  }

  #received(trackId: string, consumer: Consumer, nowUs: MonoUs): TrackReport {
    const { loss, jitterMs, score, spatialId, temporalId } = consumerQuality(consumer);
    const { allocation } = consumer;
    return {
      trackId,
      bitrateBps: this.#bitrate(consumer, nowUs),
      loss,
      jitterMs,
      score,
      paused: spatialId < 0,
      reason: toReason(allocation?.reason),
      spatialId: Math.max(0, spatialId),
      temporalId: Math.max(0, temporalId),
      layerBitratesBps: [],
    };
  }

  #bitrate(consumer: Consumer, nowUs: MonoUs): number {
    const bytes = consumer.streams[0].bytes;
    const before = this.#counted.get(consumer);
    this.#counted.set(consumer, { bytes, atUs: nowUs });
    if (before === undefined || nowUs <= before.atUs) return 0;
    return Math.round(((bytes - before.bytes) * 8 * 1_000_000) / (nowUs - before.atUs));
  }
}

function describeSent(trackId: string, producer: Producer, nowUs: MonoUs): TrackReport {
  const { layerBitratesBps, loss, jitterMs, score } = producerQuality(producer, nowUs);
  const bitrateBps = layerBitratesBps.reduce((sum, bps) => sum + bps, 0);
  const layers = { paused: false, reason: 0, spatialId: 0, temporalId: 0 } as const;
  return { trackId, bitrateBps, loss, jitterMs, score, ...layers, layerBitratesBps };
}

function knownScores(reports: readonly TrackReport[]): number[] {
  return reports.map(({ score }) => score).filter((score) => score > 0);
}

function meanOf(scores: readonly number[]): number {
  return scores.length === 0 ? 0 : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function lowestOf(scores: readonly number[]): number {
  return scores.length === 0 ? 0 : Math.min(...scores);
}

/** 0 is no score. */
function worseOf(a: number, b: number): number {
  if (a === 0 || b === 0) return Math.max(a, b);
  return Math.min(a, b);
}
