import type { HistogramCounts } from "@cation/engine/bucket-histogram";
import { JITTER_BOUNDS_US, LOSS_BOUNDS, ROUND_TRIP_BOUNDS_US } from "@cation/engine/quality-counters";
import type { DirectionQualityStats } from "@cation/engine/quality-counters";
import type { MediaStats, TracksByKind } from "@cation/engine/stats";
import { addScrapedCounter, addScrapedGauge, addScrapedHistogram } from "@cation/service-kit/scraped-metric";
import type { HistogramSample, Sample } from "@cation/service-kit/scraped-metric";
import type { Registry } from "prom-client";
import { CONNECT_BOUNDS_US, FIRST_FRAME_BOUNDS_US, FORWARD_DELAY_BOUNDS_US } from "./media-timings.ts";
import type { MeasuredLoad } from "./node-load.ts";
import { SCORE_BOUNDS } from "./quality/report-counters.ts";
import type { MetricsLabels, RoomFigures } from "./room-figures.ts";
import type { WorkerState } from "./worker-group.ts";
import type { WorkerHoldings, WorkerStats, WorkerTotals } from "./worker-stats.ts";

/** What metrics are read from, at each scrape. */
export interface SfuMetricsSources {
  /** Sums over the workers. Asked once a metric; to answer all of one scrape together is the source's business. */
  readonly readStats: () => Promise<WorkerStats>;
  /** By index. */
  readonly readWorkers: () => readonly WorkerState[];
  readonly readLoad: () => MeasuredLoad;
  /** Of single rooms, where they are wanted. */
  readonly readRooms: () => Promise<readonly RoomFigures[]>;
  readonly labels: MetricsLabels;
  readonly isRegistered: () => boolean;
  readonly isDraining: () => boolean;
  /** Whether the event bus is connected. */
  readonly isConnected: () => boolean;
}

/** A metric of the figures that workers keep. To add one: keep the figure (worker-stats.ts), and write its row here. */
interface Row<T, S = Sample> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly read: (figures: T) => readonly S[];
}

interface HistogramRow extends Row<WorkerTotals, HistogramSample> {
  readonly bounds: readonly number[];
}

const HOLDINGS: readonly Row<WorkerHoldings>[] = [
  { name: "rooms", help: "Rooms with sessions on this node.", read: ({ rooms }) => one(rooms) },
  {
    name: "sessions",
    help: "Participants whose transports are on this node.",
    read: ({ sessions }) => one(sessions),
  },
  { name: "transports", help: "ICE and DTLS associations with clients.", read: ({ transports }) => one(transports) },
  {
    name: "tracks_published",
    help: "Tracks that clients publish on this node, by kind.",
    labelNames: ["kind"],
    read: ({ published }) => byKind(published),
  },
  {
    name: "tracks_subscribed",
    help: "Tracks that are sent to clients of this node, by kind, each time counted.",
    labelNames: ["kind"],
    read: ({ subscribed }) => byKind(subscribed),
  },
  { name: "producers", help: "Tracks that come in, from clients and relays.", read: ({ producers }) => one(producers) },
  { name: "consumers", help: "Tracks that go out, to clients and relays.", read: ({ consumers }) => one(consumers) },
  {
    name: "relayed_tracks",
    help: "Tracks on relay links, by direction.",
    labelNames: ["direction"],
    read: ({ relayedTracksIn, relayedTracksOut }) => [
      { labels: { direction: "in" }, value: relayedTracksIn },
      { labels: { direction: "out" }, value: relayedTracksOut },
    ],
  },
  {
    name: "relay_drops",
    help: "Packets dropped on the present relay links, by reason.",
    labelNames: ["reason"],
    read: ({ relayDrops }) => byLabel("reason", relayDrops),
  },
];

const TOTALS: readonly Row<WorkerTotals>[] = [
  {
    name: "received_packets_total",
    help: "RTP and RTCP packets received, from clients.",
    read: ({ receivedPackets }) => one(receivedPackets),
  },
  { name: "received_bytes_total", help: "Bytes of them.", read: ({ receivedBytes }) => one(receivedBytes) },
  {
    name: "sent_packets_total",
    help: "RTP and RTCP packets sent, to clients.",
    read: ({ sentPackets }) => one(sentPackets),
  },
  { name: "sent_bytes_total", help: "Bytes of them.", read: ({ sentBytes }) => one(sentBytes) },
  {
    name: "forwarded_packets_total",
    help: "RTP packets forwarded, relays included.",
    read: ({ forwardedPackets }) => one(forwardedPackets),
  },
  {
    name: "resent_packets_total",
    help: "RTP packets sent again on NACK.",
    read: ({ resentPackets }) => one(resentPackets),
  },
  {
    name: "media_packets_total",
    help: "RTP packets received and sent, clients and relays apart.",
    labelNames: ["peer", "direction"],
    read: (totals) => byPeer(totals, "receivedPackets", "sentPackets"),
  },
  {
    name: "media_bytes_total",
    help: "Bytes of them: received with RTP headers, sent without.",
    labelNames: ["peer", "direction"],
    read: (totals) => byPeer(totals, "receivedBytes", "sentBytes"),
  },
  {
    name: "lost_packets_total",
    help: "RTP packets lost on the way, by reports: received from publishers and relays, sent to clients and relays.",
    labelNames: ["direction"],
    read: ({ quality }) => [
      { labels: { direction: "received" }, value: quality.received.lostPackets },
      { labels: { direction: "sent" }, value: quality.sent.lostPackets },
    ],
  },
  {
    name: "rtcp_total",
    help: "RTCP messages by type and direction; nack-numbers counts the packets that NACKs asked for.",
    labelNames: ["type", "direction"],
    read: ({ quality }) => Object.entries(quality.rtcp).map(([name, value]) => ({ labels: splitRtcp(name), value })),
  },
  {
    name: "picture_reports_total",
    help: "Pictures as participants were told every few seconds, by share: whole, held-back (a lower layer) or paused, because of the participant's connection.",
    labelNames: ["share"],
    read: ({ reports }) => Object.entries(reports.shares).map(([share, value]) => ({ labels: { share }, value })),
  },
  {
    name: "dtls_handshakes_total",
    help: "DTLS handshakes that succeeded.",
    read: ({ dtlsHandshakes }) => one(dtlsHandshakes),
  },
  {
    name: "dtls_failures_total",
    help: "DTLS handshakes that failed.",
    read: ({ dtlsFailures }) => one(dtlsFailures),
  },
  {
    name: "ice_failures_total",
    help: "Transports whose client could not be reached, by reason: ice-timeout never, consent-expired not any more.",
    labelNames: ["reason"],
    read: ({ iceFailures }) => byLabel("reason", iceFailures),
  },
  { name: "ice_moves_total", help: "Transports that moved to another address.", read: ({ iceMoves }) => one(iceMoves) },
  {
    name: "drops_total",
    help: "Packets and requests that went no further, by stage and reason.",
    labelNames: ["stage", "reason"],
    read: ({ drops }) =>
      Object.entries(drops).flatMap(([stage, reasons]) =>
        Object.entries(reasons).map(([reason, value]) => ({ labels: { stage, reason }, value })),
      ),
  },
];

const HISTOGRAMS: readonly HistogramRow[] = [
  {
    name: "forward_delay_seconds",
    help: "From the kernel's arrival stamp of a received packet until all its copies are handed to the socket, or to the threads that encrypt and send.",
    bounds: toSeconds(FORWARD_DELAY_BOUNDS_US),
    read: ({ timings }) => [inSeconds(timings.forwardDelayUs)],
  },
  {
    name: "connect_duration_seconds",
    help: "From a transport's first description until it has its keys: ICE and DTLS.",
    bounds: toSeconds(CONNECT_BOUNDS_US),
    read: ({ timings }) => [inSeconds(timings.connectUs)],
  },
  {
    name: "first_frame_duration_seconds",
    help: "Time to first frame: from the moment that a participant wants a video track until its first keyframe is sent, negotiation and relay included.",
    bounds: toSeconds(FIRST_FRAME_BOUNDS_US),
    read: ({ timings }) => [inSeconds(timings.firstFrameUs)],
  },
  {
    name: "round_trip_seconds",
    help: "Round trip to receivers, a sample a report.",
    bounds: toSeconds(ROUND_TRIP_BOUNDS_US),
    read: ({ quality }) => [inSeconds(quality.roundTripUs)],
  },
  {
    name: "jitter_seconds",
    help: "Interarrival jitter (RFC 3550), a sample a report: received from publishers and relays, sent to clients and relays.",
    labelNames: ["direction"],
    bounds: toSeconds(JITTER_BOUNDS_US),
    read: ({ quality }) => byDirection(quality, ({ jitterUs }) => inSeconds(jitterUs)),
  },
  {
    name: "loss_ratio",
    help: "Share of packets lost in a report interval, a sample a report.",
    labelNames: ["direction"],
    bounds: LOSS_BOUNDS,
    read: ({ quality }) => byDirection(quality, ({ loss }) => loss),
  },
  {
    name: "quality_score",
    help: "Scores of tracks, 1 bad … 5, a sample every few seconds: sent by participants, received by them. See docs/quality.md.",
    labelNames: ["direction"],
    bounds: SCORE_BOUNDS,
    read: ({ reports }) => [
      { labels: { direction: "received" }, ...reports.receivedScore },
      { labels: { direction: "sent" }, ...reports.sentScore },
    ],
  },
];

const WORKERS: readonly Row<readonly WorkerState[]>[] = [
  {
    name: "worker_running",
    help: "1 while the worker takes sessions.",
    labelNames: ["worker"],
    read: (workers) => byWorker(workers, ({ running }) => Number(running)),
  },
  {
    name: "worker_sessions",
    help: "Participants on each worker.",
    labelNames: ["worker"],
    read: (workers) => byWorker(workers, ({ sessions }) => sessions),
  },
  {
    name: "worker_packets_per_second",
    help: "Packets that each worker sends and receives.",
    labelNames: ["worker"],
    read: (workers) => byWorker(workers, ({ packetsPerSecond }) => packetsPerSecond),
  },
  {
    name: "worker_small_socket_buffers",
    help: "Socket buffers that are smaller than wanted; /healthz names the sysctl.",
    labelNames: ["worker"],
    read: (workers) => byWorker(workers, ({ facts }) => facts.socketWarnings.length),
  },
];

const NODE: readonly Row<SfuMetricsSources>[] = [
  {
    name: "stress",
    help: "0 idle … 1 full: the worst of CPU, packets and egress.",
    read: ({ readLoad }) => one(readLoad().stress),
  },
  { name: "egress_bps", help: "Bits a second sent.", read: ({ readLoad }) => one(readLoad().egressBps) },
  {
    name: "packets_per_second",
    help: "Packets sent and received.",
    read: ({ readLoad }) => one(readLoad().packetsPerSecond),
  },
  {
    name: "registered",
    help: "1 while islb knows this node.",
    read: ({ isRegistered }) => one(Number(isRegistered())),
  },
  {
    name: "drain_mode",
    help: "1 while no new work is taken.",
    read: ({ isDraining }) => one(Number(isDraining())),
  },
  {
    name: "events_connected",
    help: "1 while the event bus (NATS) is reached.",
    read: ({ isConnected }) => one(Number(isConnected())),
  },
];

/** Of single rooms or participants, where CATION_SFU_METRICS_LABELS asks for them. */
const ROOMS: readonly Row<readonly RoomFigures[]>[] = [
  { name: "room_sessions", help: "Participants of a room on this node.", read: (rooms) => byRoom(rooms, "sessions") },
  { name: "room_consumers", help: "Tracks sent to its participants.", read: (rooms) => byRoom(rooms, "consumers") },
  {
    name: "room_sent_bytes",
    help: "Payload bytes that the present consumers were sent.",
    read: (rooms) => byRoom(rooms, "sentBytes"),
  },
  {
    name: "room_loss_ratio",
    help: "Worst loss of a stream, as reported last.",
    read: (rooms) => byRoom(rooms, "lossRatio"),
  },
  {
    name: "room_round_trip_seconds",
    help: "Longest round trip to a receiver, as reported last.",
    read: (rooms) => byRoom(rooms, "roundTripUs", 1e-6),
  },
];

/** Adds the metrics of an sfu. The packet path counts in its own typed arrays; nothing is done between scrapes. */
export function addSfuMetrics(registry: Registry, sources: SfuMetricsSources): void {
  const { readStats, readWorkers, readRooms, labels } = sources;
  for (const row of HOLDINGS)
    addScrapedGauge(registry, definitionOf(row), async () => row.read((await readStats()).held));
  for (const row of TOTALS)
    addScrapedCounter(registry, definitionOf(row), async () => row.read((await readStats()).totals));
  for (const row of HISTOGRAMS) {
    const definition = { ...definitionOf(row), bounds: row.bounds };
    addScrapedHistogram(registry, definition, async () => row.read((await readStats()).totals));
  }
  for (const row of NODE) addScrapedGauge(registry, definitionOf(row), () => row.read(sources));
  for (const row of WORKERS) addScrapedGauge(registry, definitionOf(row), () => row.read(readWorkers()));
  addScrapedCounter(
    registry,
    {
      name: "cation_sfu_worker_restarts_total",
      help: "Threads of workers that died and were started anew.",
      labelNames: ["worker"],
    },
    () => byWorker(readWorkers(), ({ restarts }) => restarts),
  );
  if (labels === "none") return;
  const labelNames = labels === "participant" ? ["room", "participant"] : ["room"];
  for (const row of ROOMS)
    addScrapedGauge(registry, { ...definitionOf(row), labelNames }, async () => row.read(await readRooms()));
}

function definitionOf({ name, help, labelNames = [] }: Row<never, unknown>) {
  return { name: `cation_sfu_${name}`, help, labelNames };
}

function one(value: number): Sample[] {
  return [{ value }];
}

function byLabel(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function byKind({ audio, video }: TracksByKind): Sample[] {
  return byLabel("kind", { audio, video });
}

function byPeer({ clientMedia, relayMedia }: WorkerTotals, received: keyof MediaStats, sent: keyof MediaStats) {
  return [
    { labels: { peer: "client", direction: "received" }, value: clientMedia[received] },
    { labels: { peer: "client", direction: "sent" }, value: clientMedia[sent] },
    { labels: { peer: "relay", direction: "received" }, value: relayMedia[received] },
    { labels: { peer: "relay", direction: "sent" }, value: relayMedia[sent] },
  ];
}

function byDirection(
  quality: { readonly received: DirectionQualityStats; readonly sent: DirectionQualityStats },
  read: (direction: DirectionQualityStats) => HistogramCounts,
): HistogramSample[] {
  return [
    { labels: { direction: "received" }, ...read(quality.received) },
    { labels: { direction: "sent" }, ...read(quality.sent) },
  ];
}

function byWorker(workers: readonly WorkerState[], read: (worker: WorkerState) => number): Sample[] {
  return workers.map((worker, index) => ({ labels: { worker: String(index) }, value: read(worker) }));
}

function byRoom(
  rooms: readonly RoomFigures[],
  key: Exclude<keyof RoomFigures, "roomId" | "participantId">,
  factor = 1,
): Sample[] {
  return rooms.map(({ roomId: room, participantId: participant, [key]: value }) => ({
    labels: { room, ...(participant !== "" && { participant }) },
    value: value * factor,
  }));
}

/** "pli-received" is type pli, direction received. */
function splitRtcp(name: string) {
  const end = name.lastIndexOf("-");
  return { type: name.slice(0, end), direction: name.slice(end + 1) };
}

function toSeconds(boundsUs: readonly number[]): readonly number[] {
  return boundsUs.map((bound) => bound / 1_000_000);
}

function inSeconds({ counts, sum }: HistogramCounts): HistogramCounts {
  return { counts, sum: sum / 1_000_000 };
}
