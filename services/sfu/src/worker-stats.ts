import type { HistogramCounts } from "@cation/engine/bucket-histogram";
import type { DirectionQualityStats, QualityStats } from "@cation/engine/quality-counters";
import type { EngineStats, MediaStats, TracksByKind } from "@cation/engine/stats";
import type { MediaIoCounters } from "@cation/media-io/media-io";
import type { IceFailure, WebRtcCounters } from "@cation/webrtc/webrtc-counters";
import type { InspectedWorker } from "./inspect.ts";
import type { MediaTimingStats } from "./media-timings.ts";
import type { ReportStats } from "./quality/report-counters.ts";

/** Where a packet or request can be dropped. */
export type DropStage = "receive" | "send" | "engine" | "webrtc";

/** What a worker holds now. Sums over workers make sense; differences in time do not. */
export interface WorkerHoldings {
  readonly rooms: number;
  readonly sessions: number;
  /** ICE and DTLS associations with clients. */
  readonly transports: number;
  /** Tracks that clients publish here. */
  readonly tracks: number;
  readonly producers: number;
  readonly consumers: number;
  /** By clients of this node. */
  readonly published: TracksByKind;
  readonly subscribed: TracksByKind;
  readonly relayedTracksIn: number;
  readonly relayedTracksOut: number;
  /** Dropped on the present relay links, by reason. */
  readonly relayDrops: { readonly congestion: number; readonly unsendable: number; readonly malformed: number };
}

/** What a worker did since it started. Only grows. */
export interface WorkerTotals {
  /** RTP and RTCP. */
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  /** RTP forwarded, relays included. */
  readonly forwardedPackets: number;
  /** RTP sent again on NACK. */
  readonly resentPackets: number;
  readonly dtlsHandshakes: number;
  readonly dtlsFailures: number;
  readonly iceFailures: Readonly<Record<IceFailure, number>>;
  /** Transports that moved to another address. */
  readonly iceMoves: number;
  /** By stage and reason. */
  readonly drops: Readonly<Record<DropStage, Readonly<Record<string, number>>>>;
  /** RTP of clients and of relays. */
  readonly clientMedia: MediaStats;
  readonly relayMedia: MediaStats;
  /** What reports said. */
  readonly quality: QualityStats;
  readonly timings: MediaTimingStats;
  /** What participants were told of their media. */
  readonly reports: ReportStats;
}

/** How busy a worker's deciding thread was since it started. */
export interface LoopTime {
  readonly activeMs: number;
  readonly idleMs: number;
}

/** A worker in figures. */
export interface WorkerStats {
  readonly held: WorkerHoldings;
  readonly totals: WorkerTotals;
  readonly loop: LoopTime;
}

/** Reads a worker's figures. To be called on its thread. */
export function readWorkerStats(inspected: InspectedWorker): WorkerStats {
  const { io, engine, webrtc, timings, reports } = inspected.worker;
  const engineStats = engine.stats();
  const { active, idle } = performance.eventLoopUtilization();
  return {
    held: readHoldings(inspected, engineStats),
    totals: readTotals(io.counters(), engineStats, webrtc.counters(), timings.snapshot(), reports.snapshot()),
    loop: { activeMs: active, idleMs: idle },
  };
}

function readHoldings({ worker, registry, tracks, links, hubs }: InspectedWorker, engine: EngineStats): WorkerHoldings {
  const relayDrops = { congestion: 0, unsendable: 0, malformed: 0 };
  let relayedTracksIn = 0;
  let relayedTracksOut = 0;
  for (const hub of hubs.values()) {
    relayedTracksIn += hub.tracks.size;
    for (const link of hub.links.values()) {
      relayDrops.malformed += link.ingress.malformedDrops;
    }
  }
  for (const { outgoing, sink } of links.links) {
    relayedTracksOut += [...outgoing].length;
    relayDrops.congestion += sink?.congestionDrops ?? 0;
    relayDrops.unsendable += sink?.unsendableDrops ?? 0;
  }
  return {
    rooms: registry.rooms.size,
    sessions: registry.sessionCount,
    transports: worker.webrtc.transportCount,
    tracks: tracks.size,
    producers: engine.producers,
    consumers: engine.consumers,
    published: engine.published,
    subscribed: engine.subscribed,
    relayedTracksIn,
    relayedTracksOut,
    relayDrops,
  };
}

function readTotals(
  io: MediaIoCounters,
  engine: EngineStats,
  webrtc: WebRtcCounters,
  timings: MediaTimingStats,
  reports: ReportStats,
): WorkerTotals {
  const { queueFull, slotOverwritten, noTransport, socketError } = io.sendDrops;
  return {
    receivedPackets: io.receivedPackets,
    receivedBytes: io.receivedBytes,
    sentPackets: io.sentPackets,
    sentBytes: io.sentBytes,
    forwardedPackets: engine.forwardedPackets,
    resentPackets: engine.resentPackets,
    dtlsHandshakes: webrtc.handshakes,
    dtlsFailures: webrtc.handshakeFailures,
    iceFailures: { ...webrtc.iceFailures },
    iceMoves: webrtc.moves,
    clientMedia: engine.clientMedia,
    relayMedia: engine.relayMedia,
    quality: engine.quality,
    timings,
    reports,
    drops: {
      receive: { ...io.receiveDrops },
      send: {
        "queue-full": queueFull,
        "slot-overwritten": slotOverwritten,
        "no-transport": noTransport,
        "socket-error": socketError,
      },
      engine: { ...engine.drops },
      webrtc: { ...webrtc.drops },
    },
  };
}

const NO_TRACKS: TracksByKind = { audio: 0, video: 0 };
const NO_MEDIA: MediaStats = { receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0 };
const NO_SAMPLES: HistogramCounts = { counts: [], sum: 0 };
const NO_DIRECTION: DirectionQualityStats = { loss: NO_SAMPLES, jitterUs: NO_SAMPLES, lostPackets: 0 };

/** Nothing held and nothing done. */
export const NO_STATS: WorkerStats = {
  held: {
    rooms: 0,
    sessions: 0,
    transports: 0,
    tracks: 0,
    producers: 0,
    consumers: 0,
    published: NO_TRACKS,
    subscribed: NO_TRACKS,
    relayedTracksIn: 0,
    relayedTracksOut: 0,
    relayDrops: { congestion: 0, unsendable: 0, malformed: 0 },
  },
  totals: {
    receivedPackets: 0,
    receivedBytes: 0,
    sentPackets: 0,
    sentBytes: 0,
    forwardedPackets: 0,
    resentPackets: 0,
    dtlsHandshakes: 0,
    dtlsFailures: 0,
    iceFailures: { "ice-timeout": 0, "consent-expired": 0 },
    iceMoves: 0,
    drops: { receive: {}, send: {}, engine: {}, webrtc: {} },
    clientMedia: NO_MEDIA,
    relayMedia: NO_MEDIA,
    quality: { received: NO_DIRECTION, sent: NO_DIRECTION, roundTripUs: NO_SAMPLES, rtcp: {} },
    reports: {
      receivedScore: NO_SAMPLES,
      sentScore: NO_SAMPLES,
      shares: { whole: 0, "held-back": 0, paused: 0 },
    },
    timings: { forwardDelayUs: NO_SAMPLES, connectUs: NO_SAMPLES, firstFrameUs: NO_SAMPLES },
  },
  loop: { activeMs: 0, idleMs: 0 },
};

type Count = number | readonly number[] | Counts;
type Counts = { readonly [key: string]: Count };

/** Adds figures of the same shape, name by name and place by place; what one of them lacks counts as 0 there. */
export function sumCounts<T extends object>(first: T, ...others: readonly T[]): T {
  return (others as unknown as readonly Counts[]).reduce(addCounts, first as unknown as Counts) as unknown as T;
}

function addCounts(a: Counts, b: Counts): Counts {
  const sum: Record<string, Count> = { ...a };
  for (const [key, value] of Object.entries(b)) sum[key] = addCount(a[key], value);
  return sum;
}

function addCount(before: Count | undefined, value: Count): Count {
  if (typeof value === "number") return value + (typeof before === "number" ? before : 0);
  if (isList(value)) return isList(before) ? addLists(before, value) : value;
  return typeof before === "object" && !isList(before) ? addCounts(before, value) : value;
}

function addLists(a: readonly number[], b: readonly number[]): readonly number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0));
}

function isList(value: Count | undefined): value is readonly number[] {
  return Array.isArray(value);
}
