/** What a listener's path does to sound. */
export interface AudioPath {
  /** Share of packets that does not arrive, 0 … 1. */
  readonly loss: number;
  /** Interarrival jitter (RFC 3550). */
  readonly jitterMs: number;
  /** Round trip of the hop that is measured; 0 where not known. */
  readonly roundTripMs: number;
}

/** R without any impairment (ITU-T G.107 §7.7, all parameters at their defaults). */
const BEST_R = 93.2;
/** Packet of sound, and what a jitter buffer holds besides twice the jitter. */
const FIXED_DELAY_MS = 40;
/** Opus with in-band FEC: what random loss does to it (Bpl of G.113 for codecs with good concealment). */
const LOSS_ROBUSTNESS = 20;
/** From this one-way delay on people begin to talk over each other. */
const NOTICEABLE_DELAY_MS = 177.3;
const BEST_MOS = mosOf(BEST_R);

/** Score of sound, 1 … 5, by the E-model (ITU-T G.107) as far as delay and loss go; docs/quality.md has the formula. */
export function audioScore({ loss, jitterMs, roundTripMs }: AudioPath): number {
  const delayMs = roundTripMs / 2 + 2 * jitterMs + FIXED_DELAY_MS;
  const lateMs = Math.max(0, delayMs - NOTICEABLE_DELAY_MS);
  const delayImpairment = 0.024 * delayMs + 0.11 * lateMs;
  const lossPercent = 100 * Math.min(1, Math.max(0, loss));
  const lossImpairment = (95 * lossPercent) / (lossPercent + LOSS_ROBUSTNESS);
  const mos = mosOf(BEST_R - delayImpairment - lossImpairment);
  return Math.min(5, 1 + ((mos - 1) * 4) / (BEST_MOS - 1));
}

/** Mean opinion score of a transmission rating (ITU-T G.107 Annex B). */
function mosOf(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}
