import type { TrackInterval } from "./track-receiver.ts";

export type ReceivedKind = "audio" | "video";

/** What a bot received of all tracks of a kind in an interval. */
export interface MediaSummary {
  readonly tracks: number;
  readonly packets: number;
  /** Never came, not even on demand. */
  readonly lost: number;
  readonly recovered: number;
  readonly frames: number;
  readonly freezes: number;
  readonly freezeMs: number;
  readonly bitrateBps: number;
  /** Of the worst track. */
  readonly jitterMs: number;
  /** From the publisher's sending to the arrival; undefined where nobody stamps. */
  readonly latency: { readonly p50Ms: number; readonly p95Ms: number; readonly maxMs: number } | undefined;
  /** Bits a second by height of the picture: which layer it was. */
  readonly bitrateByHeight: Readonly<Record<string, number>>;
}

/** Sums up what `TrackReceiver.takeInterval` gave for each track; undefined where there are no tracks of the kind. */
export function summarize(
  intervals: readonly TrackInterval[],
  kind: ReceivedKind,
  intervalMs: number,
): MediaSummary | undefined {
  const tracks = intervals.filter((one) => one.kind === kind);
  if (tracks.length === 0) return undefined;
  const sum = (of: (track: TrackInterval) => number): number => tracks.reduce((total, track) => total + of(track), 0);
  const rate = (bytes: number): number => Math.round((bytes * 8_000) / Math.max(intervalMs, 1));
  const bitrateByHeight: Record<string, number> = {};
  for (const { height, bytes } of tracks) {
    if (height > 0) bitrateByHeight[height] = (bitrateByHeight[height] ?? 0) + rate(bytes);
  }
  return {
    tracks: tracks.length,
    packets: sum(({ packets }) => packets),
    lost: sum(({ lost }) => lost),
    recovered: sum(({ recovered }) => recovered),
    frames: sum(({ frames }) => frames),
    freezes: sum(({ freezes }) => freezes),
    freezeMs: round(sum(({ freezeMs }) => freezeMs)),
    bitrateBps: rate(sum(({ bytes }) => bytes)),
    jitterMs: round(Math.max(...tracks.map(({ jitterMs }) => jitterMs))),
    latency: summarizeLatency(tracks.flatMap(({ latenciesMs }) => latenciesMs)),
    bitrateByHeight,
  };
}

function summarizeLatency(values: readonly number[]): MediaSummary["latency"] {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
