import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { MeasuredLoad } from "./node-load.ts";
import type { WorkerState } from "./worker-group.ts";
import type { WorkerStats } from "./worker-stats.ts";

/** What metrics are read from, at each scrape. */
export interface SfuMetricsSources {
  /** Sums over the workers. Asked once a metric; to answer all of one scrape together is the source's business. */
  readonly readStats: () => Promise<WorkerStats>;
  /** By index. */
  readonly readWorkers: () => readonly WorkerState[];
  readonly readLoad: () => MeasuredLoad;
  readonly isRegistered: () => boolean;
  readonly isDraining: () => boolean;
}

type Read = (stats: WorkerStats) => number;

const HOLDINGS: readonly (readonly [name: string, help: string, read: Read])[] = [
  ["cation_sfu_rooms", "Rooms with sessions on this node.", ({ held }) => held.rooms],
  ["cation_sfu_sessions", "Participants whose transports are on this node.", ({ held }) => held.sessions],
  ["cation_sfu_transports", "ICE and DTLS associations with clients.", ({ held }) => held.transports],
  ["cation_sfu_tracks_published", "Tracks that clients publish on this node.", ({ held }) => held.tracks],
  ["cation_sfu_producers", "Tracks that come in, from clients and relays.", ({ held }) => held.producers],
  ["cation_sfu_consumers", "Tracks that go out, to clients and relays.", ({ held }) => held.consumers],
  [
    "cation_sfu_keyframe_requests",
    "Keyframe requests sent to the present publishers and relays.",
    ({ held }) => held.keyframeRequests,
  ],
];

const TOTALS: readonly (readonly [name: string, help: string, read: Read])[] = [
  ["cation_sfu_received_packets_total", "RTP and RTCP packets received.", ({ totals }) => totals.receivedPackets],
  ["cation_sfu_received_bytes_total", "Bytes of them.", ({ totals }) => totals.receivedBytes],
  ["cation_sfu_sent_packets_total", "RTP and RTCP packets sent.", ({ totals }) => totals.sentPackets],
  ["cation_sfu_sent_bytes_total", "Bytes of them.", ({ totals }) => totals.sentBytes],
  [
    "cation_sfu_forwarded_packets_total",
    "RTP packets forwarded, relays included.",
    ({ totals }) => totals.forwardedPackets,
  ],
  ["cation_sfu_resent_packets_total", "RTP packets sent again on NACK.", ({ totals }) => totals.resentPackets],
  ["cation_sfu_dtls_handshakes_total", "DTLS handshakes that succeeded.", ({ totals }) => totals.dtlsHandshakes],
  ["cation_sfu_dtls_failures_total", "DTLS handshakes that failed.", ({ totals }) => totals.dtlsFailures],
  ["cation_sfu_ice_moves_total", "Transports that moved to another address.", ({ totals }) => totals.iceMoves],
];

/** Adds the metrics of an sfu. The packet path counts in its own typed arrays; nothing is done between scrapes. */
export function addSfuMetrics(registry: Registry, sources: SfuMetricsSources): void {
  for (const [name, help, read] of HOLDINGS)
    addGauge(registry, name, help, async () => read(await sources.readStats()));
  for (const [name, help, read] of TOTALS)
    addCounter(registry, name, help, async () => read(await sources.readStats()));
  addRelays(registry, sources);
  addDrops(registry, sources);
  addNode(registry, sources);
  addWorkers(registry, sources);
}

function addRelays(registry: Registry, { readStats }: SfuMetricsSources): void {
  new Gauge({
    name: "cation_sfu_relayed_tracks",
    help: "Tracks on relay links, by direction.",
    labelNames: ["direction"],
    registers: [registry],
    async collect() {
      const { held } = await readStats();
      this.set({ direction: "in" }, held.relayedTracksIn);
      this.set({ direction: "out" }, held.relayedTracksOut);
    },
  });
  new Gauge({
    name: "cation_sfu_relay_drops",
    help: "Packets dropped on the present relay links, by reason.",
    labelNames: ["reason"],
    registers: [registry],
    async collect() {
      const { held } = await readStats();
      for (const [reason, count] of Object.entries(held.relayDrops)) this.set({ reason }, count);
    },
  });
}

/** Label values are the reasons' fixed names, by the stage that dropped. */
function addDrops(registry: Registry, { readStats }: SfuMetricsSources): void {
  new Counter({
    name: "cation_sfu_drops_total",
    help: "Packets and requests that went no further, by stage and reason.",
    labelNames: ["stage", "reason"],
    registers: [registry],
    async collect() {
      const { drops } = (await readStats()).totals;
      this.reset();
      for (const [stage, reasons] of Object.entries(drops))
        for (const [reason, count] of Object.entries(reasons)) this.inc({ stage, reason }, count);
    },
  });
}

function addNode(registry: Registry, { readLoad, isRegistered, isDraining }: SfuMetricsSources): void {
  addGauge(
    registry,
    "cation_sfu_stress",
    "0 idle … 1 full: the worst of CPU, packets and egress.",
    () => readLoad().stress,
  );
  addGauge(registry, "cation_sfu_egress_bps", "Bits a second sent.", () => readLoad().egressBps);
  addGauge(registry, "cation_sfu_packets_per_second", "Packets sent and received.", () => readLoad().packetsPerSecond);
  addGauge(registry, "cation_sfu_registered", "1 while islb knows this node.", () => Number(isRegistered()));
  addGauge(registry, "cation_sfu_drain_mode", "1 while no new work is taken.", () => Number(isDraining()));
}

function addWorkers(registry: Registry, { readWorkers }: SfuMetricsSources): void {
  const byWorker = (name: string, help: string, read: (worker: WorkerState) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ["worker"],
      registers: [registry],
      collect() {
        readWorkers().forEach((worker, index) => this.set({ worker: String(index) }, read(worker)));
      },
    });
  };
  byWorker("cation_sfu_worker_running", "1 while the worker takes sessions.", ({ running }) => Number(running));
  byWorker("cation_sfu_worker_sessions", "Participants on each worker.", ({ sessions }) => sessions);
  byWorker(
    "cation_sfu_worker_packets_per_second",
    "Packets that each worker sends and receives.",
    ({ packetsPerSecond }) => packetsPerSecond,
  );
  byWorker(
    "cation_sfu_worker_small_socket_buffers",
    "Socket buffers that are smaller than wanted; /healthz names the sysctl.",
    ({ facts }) => facts.socketWarnings.length,
  );
  new Counter({
    name: "cation_sfu_worker_restarts_total",
    help: "Threads of workers that died and were started anew.",
    labelNames: ["worker"],
    registers: [registry],
    collect() {
      this.reset();
      readWorkers().forEach(({ restarts }, index) => this.inc({ worker: String(index) }, restarts));
    },
  });
}

function addGauge(registry: Registry, name: string, help: string, read: () => number | Promise<number>): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      this.set(await read());
    },
  });
}

/** A running total that is kept elsewhere. */
function addCounter(registry: Registry, name: string, help: string, read: () => Promise<number>): void {
  new Counter({
    name,
    help,
    registers: [registry],
    async collect() {
      const total = await read();
      this.reset();
      this.inc(total);
    },
  });
}
