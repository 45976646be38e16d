import type { Producer } from "@cation/engine/producer";
import { LinkModel, PERFECT_LINK } from "../link-model.ts";
import { SimCluster } from "../sim-cluster.ts";
import type { PublisherSeat, ViewerSeat, WirePacket } from "../sim-cluster.ts";
import { SimLink } from "../sim-link.ts";
import type { VideoShape } from "../video-source.ts";
import { bestLayersBps } from "./best-layers.ts";
import { brokenClientBounds } from "./client-scenario.ts";
import type { ClientResult, ClientScenario, ClientStep } from "./client-scenario.ts";

const SAMPLE_US = 20_000;
/** Time after a change of the path or of the demand which counts as getting used to it. */
const SETTLE_US = 5_000_000;
/** Time after a change before the estimate is called steady. */
const STEADY_US = 10_000_000;
const REACHED = 0.85;
const FITS = 0.95;
const FRAMES_PER_SECOND = 30;

/** About 0.12, 0.4 and 1.2 Mb/s, headers included; two temporal layers. */
const SHAPES: readonly VideoShape[] = [
  { packetsPerKeyframe: 3, packetsPerFrame: 1, packetBytes: 460, temporalLayers: 2 },
  { packetsPerKeyframe: 6, packetsPerFrame: 2, packetBytes: 790, temporalLayers: 2 },
  { packetsPerKeyframe: 15, packetsPerFrame: 5, packetBytes: 960, temporalLayers: 2 },
];

/** One look at a run. */
export interface ClientSample {
  readonly timeMs: number;
  readonly capacityBps: number;
  readonly estimateBps: number;
  readonly targetBps: number;
  readonly sentBps: number;
  readonly queueMs: number;
  /** Encoding of each track of the first viewer; -1 for none. */
  readonly layers: readonly number[];
}

interface SharedPacket {
  readonly bytes: Uint8Array;
  readonly packet: WirePacket;
  readonly seat: ViewerSeat;
}

/** Runs a scenario on a real engine and on the virtual clock. */
export class ClientRun {
  readonly cluster: SimCluster;
  readonly #scenario: ClientScenario;
  readonly #seed: number;
  readonly #onSample: (sample: ClientSample) => void;
  readonly #link: SimLink<SharedPacket>;
  readonly #publishers: PublisherSeat[] = [];
  readonly #viewers: ViewerSeat[] = [];
  readonly #queueMs: number[] = [];
  readonly #deliveredBytes: number[] = [];
  readonly #steadyBytes: number[] = [];
  #demand: "everything" | "little";
  #changedUs: number;
  #changedFromBps = 0;
  #reached = false;
  #ratioSum = 0;
  #ratios = 0;
  #sentBits = 0;
  #bestBits = 0;
  #downMs = -1;
  #upMs = -1;
  #lastDelivered = 0;

  constructor(scenario: ClientScenario, seed: number, onSample: (sample: ClientSample) => void = () => {}) {
    this.#scenario = scenario;
    this.#seed = seed;
    this.#onSample = onSample;
    this.#demand = scenario.demand ?? "everything";
    const cluster = new SimCluster(seed);
    this.cluster = cluster;
    this.#changedUs = cluster.clock.nowUs;
    const model = new LinkModel<SharedPacket>({ ...PERFECT_LINK, ...scenario.link }, cluster.random.fork());
    this.#link = new SimLink(cluster.clock, model, ({ seat, packet }) => this.#deliver(seat, packet));
    this.#populate();
  }

  run(): ClientResult {
    const { clock } = this.cluster;
    const startUs = clock.nowUs;
    for (const step of this.#scenario.steps) clock.at(startUs + step.atMs * 1_000, () => this.#apply(step));
    const endUs = startUs + this.#scenario.durationMs * 1_000;
    for (let atUs = startUs + SAMPLE_US; atUs <= endUs; atUs += SAMPLE_US) {
      clock.runUntil(atUs);
      this.#sample(atUs, startUs);
    }
    return this.#result(endUs - startUs);
  }

  #populate(): void {
    const { cluster } = this;
    const node = cluster.addNode({ slotCount: 16_384 });
    const options = { audio: true, video: SHAPES, framesPerSecond: FRAMES_PER_SECOND, rtx: true, signalsSsrcs: true };
    for (let i = 0; i < (this.#scenario.publishers ?? 4); i++)
      this.#publishers.push(cluster.addPublisher(node, options));
    const back = { delayUs: this.#scenario.link.delayUs ?? 0 };
    for (let i = 0; i < (this.#scenario.viewers ?? 1); i++) {
      // The last hop is the shared link; the viewer's own is nothing.
      const seat: ViewerSeat = cluster.addViewer(node, { up: back, down: { delayUs: 0 } }, undefined, (packet) =>
        this.#link.send({ bytes: packet.bytes, packet, seat }),
      );
      this.#viewers.push(seat);
      this.#deliveredBytes.push(0);
      this.#steadyBytes.push(0);
      for (const { video, audio } of this.#publishers) {
        if (video !== undefined) cluster.watch(seat, video);
        if (audio !== undefined && this.#publishers.length <= 4) cluster.watch(seat, audio);
      }
    }
    this.#wish();
  }

  #deliver(seat: ViewerSeat, packet: WirePacket): void {
    this.#deliveredBytes[this.#viewers.indexOf(seat)] += packet.bytes.length;
    seat.viewer.receive(packet);
  }

  #apply(step: ClientStep): void {
    this.#changedFromBps = this.#link.model.config.rateBps;
    this.#changedUs = this.cluster.clock.nowUs;
    if (step.link !== undefined) this.#link.configure(step.link);
    if (step.demand === undefined) return;
    this.#demand = step.demand;
    this.#wish();
  }

  /** What the viewers ask for. */
  #wish(): void {
    const nowUs = this.cluster.clock.nowUs;
    for (const seat of this.#viewers) {
      let videos = 0;
      for (const { consumer, stream } of seat.watched) {
        if (stream.params.kind !== "video") continue;
        const little = this.#demand === "little";
        consumer.setPaused(little && videos++ > 0, nowUs);
        consumer.setPreferredLayers(little ? { maxSpatialId: 0 } : {}, nowUs);
      }
      seat.node.settle();
    }
  }

  #sample(atUs: number, startUs: number): void {
    const capacityBps = this.#link.model.config.rateBps;
    const states = this.#viewers.map(({ node, transport }) => node.engine.bandwidthState(transport));
    const estimateBps = states.reduce((sum, state) => sum + (state?.estimateBps ?? 0), 0);
    const targetBps = states.reduce((sum, state) => sum + (state?.targetBps ?? 0), 0);
    const queueMs = (this.#link.model.queuedBytes * 8_000) / capacityBps;
    const delivered = this.#deliveredBytes.reduce((sum, bytes) => sum + bytes, 0);
    const bits = (delivered - this.#lastDelivered) * 8;
    this.#lastDelivered = delivered;
    const sinceUs = atUs - this.#changedUs;
    if (sinceUs > SETTLE_US) this.#queueMs.push(queueMs);
    const ladders = this.#ladders(atUs);
    const demandBps = this.#viewers.length * ladders.reduce((sum, ladder) => sum + (ladder.at(-1) ?? 0), 0);
    const demanded = this.#demand === "everything" && demandBps > capacityBps;
    if (demanded) this.#reach(capacityBps, estimateBps, sinceUs / 1_000);
    if (demanded && sinceUs > STEADY_US) {
      this.#ratioSum += estimateBps / capacityBps;
      this.#ratios++;
      this.#sentBits += bits;
      this.#bestBits += (this.#bestBps(ladders, capacityBps) * SAMPLE_US) / 1_000_000;
      this.#viewers.forEach((_, i) => (this.#steadyBytes[i] += this.#deliveredBytes[i]));
    }
    this.#onSample({
      timeMs: (atUs - startUs) / 1_000,
      capacityBps,
      estimateBps,
      targetBps,
      sentBps: (bits * 1_000_000) / SAMPLE_US,
      queueMs,
      layers: this.#viewers[0].watched
        .filter(({ stream }) => stream.params.kind === "video")
        .map(({ consumer }) => consumer.stats()[0].encoding),
    });
  }

  #ladders(nowUs: number): number[][] {
    const producers = this.#publishers
      .map(({ video }) => video)
      .filter((video): video is Producer => video !== undefined);
    return producers.map((producer) =>
      producer
        .layers(nowUs)
        .filter(({ active }) => active)
        .map(({ bitrateBps }) => bitrateBps),
    );
  }

  #bestBps(ladders: readonly number[][], capacityBps: number): number {
    const audioBps = this.#publishers.length <= 4 ? this.#publishers.length * 60_000 : 0;
    const share = (FITS * capacityBps) / this.#viewers.length - audioBps;
    return this.#viewers.length * (bestLayersBps(ladders, Math.max(0, share)) + audioBps);
  }

  /** Notes how long the estimate takes to reach the capacity after a change; the longest of each direction counts. */
  #reach(capacityBps: number, estimateBps: number, sinceMs: number): void {
    if (sinceMs <= SAMPLE_US / 1_000) this.#reached = false;
    if (this.#reached) return;
    const down = capacityBps < this.#changedFromBps;
    this.#reached = down ? estimateBps <= capacityBps : estimateBps >= REACHED * capacityBps;
    if (down) this.#downMs = Math.max(this.#downMs, sinceMs);
    else this.#upMs = Math.max(this.#upMs, sinceMs);
  }

  #result(durationUs: number): ClientResult {
    const videos = this.#viewers.flatMap(({ watched }) =>
      watched.filter(({ stream }) => stream.params.kind === "video"),
    );
    const switches = videos.reduce((sum, { consumer }) => sum + Math.max(0, consumer.stats()[0].switches - 1), 0);
    const { lost, overflowed } = this.#link.model.counters;
    // Where the network lost something, what could not be repaired is its doing; what is unsound never is.
    const undecodable = videos.reduce(
      (sum, { stream }) =>
        sum + stream.decoder.violations.length + (lost + overflowed === 0 ? stream.decoder.undecodable : 0),
      0,
    );
    const result = {
      scenario: this.#scenario.name,
      seed: this.#seed,
      estimateRatio: round(this.#ratioSum / Math.max(1, this.#ratios)),
      utilisation: round(this.#sentBits / Math.max(1, this.#bestBits)),
      queueP95Ms: round(percentile(this.#queueMs, 0.95)),
      downMs: this.#downMs,
      upMs: this.#upMs,
      switchesPerMin: round((switches * 60_000_000) / durationUs / videos.length),
      undecodableFrames: undecodable,
      unfairness: round(Math.max(...this.#steadyBytes) / Math.max(1, Math.min(...this.#steadyBytes))),
      bounds: this.#scenario.bounds,
    };
    return { ...result, ok: brokenClientBounds(result).length === 0 };
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
