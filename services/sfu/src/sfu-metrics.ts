import { RECEIVE_DROP_REASONS } from "@cation/media-io/media-io";
import { WEBRTC_DROP_REASONS } from "@cation/webrtc/webrtc-counters";
import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { InspectedWorker } from "./inspect.ts";
import type { MeasuredLoad } from "./node-load.ts";

/** What metrics are read from, at each scrape. */
export interface SfuMetricsSources extends InspectedWorker {
  readonly readLoad: () => MeasuredLoad;
  readonly isRegistered: () => boolean;
  readonly isDraining: () => boolean;
}

/** Adds the metrics of an sfu. The packet path counts in its own typed arrays; nothing is done between scrapes. */
export function addSfuMetrics(registry: Registry, sources: SfuMetricsSources): void {
  addHoldings(registry, sources);
  addNode(registry, sources);
  addTraffic(registry, sources);
  addDrops(registry, sources);
}

function addHoldings(registry: Registry, { registry: rooms, worker, tracks, links }: SfuMetricsSources): void {
  addGauge(registry, "cation_sfu_rooms", "Rooms with sessions on this node.", () => rooms.rooms.size);
  addGauge(
    registry,
    "cation_sfu_sessions",
    "Participants whose transports are on this node.",
    () => rooms.sessionCount,
  );
  addGauge(
    registry,
    "cation_sfu_transports",
    "ICE and DTLS associations with clients.",
    () => worker.webrtc.transportCount,
  );
  addGauge(registry, "cation_sfu_tracks_published", "Tracks that clients publish on this node.", () => tracks.size);
  addGauge(
    registry,
    "cation_sfu_producers",
    "Tracks that come in, from clients and relays.",
    () => worker.engine.stats().producers,
  );
  addGauge(
    registry,
    "cation_sfu_consumers",
    "Tracks that go out, to clients and relays.",
    () => worker.engine.stats().consumers,
  );
  const registers = [registry];
  new Gauge({
    name: "cation_sfu_relayed_tracks",
    help: "Tracks on relay links, by direction.",
    labelNames: ["direction"],
    registers,
    collect() {
      let incoming = 0;
      let outgoing = 0;
      for (const room of rooms.rooms.values()) for (const link of room.hub.links.values()) incoming += link.tracks.size;
      for (const link of links.links) outgoing += [...link.outgoing].length;
      this.set({ direction: "in" }, incoming);
      this.set({ direction: "out" }, outgoing);
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

function addTraffic(registry: Registry, { worker }: SfuMetricsSources): void {
  const { io, engine, webrtc } = worker;
  addCounter(
    registry,
    "cation_sfu_received_packets_total",
    "RTP and RTCP packets received.",
    () => io.counters().receivedPackets,
  );
  addCounter(registry, "cation_sfu_received_bytes_total", "Bytes of them.", () => io.counters().receivedBytes);
  addCounter(registry, "cation_sfu_sent_packets_total", "RTP and RTCP packets sent.", () => io.counters().sentPackets);
  addCounter(registry, "cation_sfu_sent_bytes_total", "Bytes of them.", () => io.counters().sentBytes);
  addCounter(
    registry,
    "cation_sfu_forwarded_packets_total",
    "RTP packets forwarded, relays included.",
    () => engine.stats().forwardedPackets,
  );
  addCounter(
    registry,
    "cation_sfu_resent_packets_total",
    "RTP packets sent again on NACK.",
    () => engine.stats().resentPackets,
  );
  addGauge(
    registry,
    "cation_sfu_keyframe_requests",
    "Keyframe requests sent to the present publishers and relays.",
    () => engine.stats().keyframeRequestsSent,
  );
  addCounter(
    registry,
    "cation_sfu_dtls_handshakes_total",
    "DTLS handshakes that succeeded.",
    () => webrtc.counters().handshakes,
  );
  addCounter(
    registry,
    "cation_sfu_dtls_failures_total",
    "DTLS handshakes that failed.",
    () => webrtc.counters().handshakeFailures,
  );
  addCounter(
    registry,
    "cation_sfu_ice_moves_total",
    "Transports that moved to another address.",
    () => webrtc.counters().moves,
  );
}

/** Label values are the reasons' fixed names, by the stage that dropped. */
function addDrops(registry: Registry, { worker, links, registry: rooms }: SfuMetricsSources): void {
  const { io, engine, webrtc } = worker;
  new Counter({
    name: "cation_sfu_drops_total",
    help: "Packets and requests that went no further, by stage and reason.",
    labelNames: ["stage", "reason"],
    registers: [registry],
    collect() {
      this.reset();
      const { receiveDrops, sendDrops } = io.counters();
      for (const reason of RECEIVE_DROP_REASONS) this.inc({ stage: "receive", reason }, receiveDrops[reason]);
      this.inc({ stage: "send", reason: "queue-full" }, sendDrops.queueFull);
      this.inc({ stage: "send", reason: "slot-overwritten" }, sendDrops.slotOverwritten);
      this.inc({ stage: "send", reason: "no-transport" }, sendDrops.noTransport);
      this.inc({ stage: "send", reason: "socket-error" }, sendDrops.socketError);
      for (const [reason, count] of Object.entries(engine.stats().drops)) this.inc({ stage: "engine", reason }, count);
      const { drops } = webrtc.counters();
      for (const reason of WEBRTC_DROP_REASONS) this.inc({ stage: "webrtc", reason }, drops[reason]);
    },
  });
  new Gauge({
    name: "cation_sfu_relay_drops",
    help: "Packets dropped on the present relay links, by reason.",
    labelNames: ["reason"],
    registers: [registry],
    collect() {
      const sums = { congestion: 0, unsendable: 0, malformed: 0 };
      for (const { sink } of links.links) {
        sums.congestion += sink?.congestionDrops ?? 0;
        sums.unsendable += sink?.unsendableDrops ?? 0;
      }
      for (const room of rooms.rooms.values())
        for (const { ingress } of room.hub.links.values()) sums.malformed += ingress.malformedDrops;
      for (const [reason, count] of Object.entries(sums)) this.set({ reason }, count);
    },
  });
}

function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** A running total that is kept elsewhere. */
function addCounter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
