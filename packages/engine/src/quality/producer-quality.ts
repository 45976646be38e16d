import type { Producer } from "../producer.ts";
import { audioScore } from "./audio-score.ts";
import { videoScore } from "./video-score.ts";

/** How well a track arrives from its publisher (or from the node before). */
export interface ProducerQuality {
  /** Bits a second by encoding, lowest first; 0 for one that is not sent. */
  readonly layerBitratesBps: number[];
  /** Of the last report interval, over all encodings, 0 … 1. */
  readonly loss: number;
  readonly jitterMs: number;
  /** 1 … 5; 0 while nothing is sent. */
  readonly score: number;
}

/** Fresh figures; for statistics. */
export function producerQuality(producer: Producer, nowUs: number): ProducerQuality {
  const layerBitratesBps = producer.streams.map(({ active, rate }) => (active ? Math.round(rate.bps(nowUs)) : 0));
  let loss = 0;
  let jitterTicks = 0;
  let isActive = false;
  for (const { active, reception } of producer.streams) {
    if (!active) continue;
    isActive = true;
    loss = Math.max(loss, reception.fractionLost / 256);
    jitterTicks = Math.max(jitterTicks, reception.jitter);
  }
  const jitterMs = (jitterTicks * 1_000) / producer.clockRateHz;
  const path = { layerBitratesBps, loss, jitterMs };
  if (!isActive) return { ...path, score: 0 };
  const isAudio = producer.params.kind === "audio";
  const score = isAudio
    ? audioScore({ loss, jitterMs, roundTripMs: 0 })
    : videoScore({ loss, share: 1, stalled: false });
  return { ...path, score };
}
