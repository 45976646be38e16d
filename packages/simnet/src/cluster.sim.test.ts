import type { Consumer } from "@cation/engine/consumer";
import type { Producer } from "@cation/engine/producer";
import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import type { LinkConfig } from "./link-model.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { PublisherSeat, RelaySeat, ViewerSeat } from "./sim-cluster.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimNode } from "./sim-node.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const LOW: VideoShape = { packetsPerKeyframe: 2, packetsPerFrame: 1, packetBytes: 150, temporalLayers: 2 };
const HIGH: VideoShape = { packetsPerKeyframe: 5, packetsPerFrame: 2, packetBytes: 300, temporalLayers: 2 };
const CALL = { audio: true, video: [LOW, HIGH], framesPerSecond: 20, rtx: true, signalsSsrcs: false };
const NODES = 4;
const SEEDS = seedsFor([81, 82, 83, 84], 3);
const CLEAN: Partial<LinkConfig> = { loss: 0, jitterUs: 0, reorder: 0 };
const ROUGH: Partial<LinkConfig> = { loss: 0.03, jitterUs: 8_000, reorder: 0.02, reorderUs: 6_000 };

describe(`a cluster that lives, seeds ${SEEDS.join(" ")}`, { timeout: 60_000 }, () => {
  test.each(SEEDS)("rooms over four nodes in a chain, everything comes and goes, seed %i", (seed) => {
    withSeed(seed, () => {
      const cluster = new SimCluster(seed);
      const life = new ClusterLife(cluster);
      cluster.clock.runFor(15_000_000);
      life.calmDown();
      cluster.clock.runFor(4_000_000);
      expect(brokenInvariants(cluster, false)).toEqual([]);
      expect(life.stalledStreams(cluster.clock.nowUs)).toEqual([]);
      life.end();
      cluster.clock.runFor(500_000);
      for (const node of cluster.nodes) {
        const { producers, consumers } = node.engine.stats();
        expect({ producers, consumers }).toEqual({ producers: 0, consumers: 0 });
      }
      expect(brokenInvariants(cluster, false)).toEqual([]);
    });
  });
});

interface Watch {
  readonly consumer: Consumer;
  readonly seat: PublisherSeat;
  readonly stream: ReturnType<SimCluster["watch"]>["stream"];
}

/** Publishers and viewers on a chain of nodes; tracks are relayed hop by hop when somebody first watches them. */
class ClusterLife {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #links = new Map<string, RelaySeat>();
  readonly #publishers: PublisherSeat[] = [];
  readonly #viewers: ViewerSeat[] = [];
  readonly #watches: Watch[] = [];
  /** What a relay's sending end feeds: closed with it. */
  readonly #relayed = new Map<Consumer, { readonly node: SimNode; readonly producer: Producer }>();
  /** Copies of a producer by node index. */
  readonly #copies = new Map<Producer, (Producer | undefined)[]>();
  #over = false;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    for (let i = 0; i < NODES; i++) {
      const onConsumerClosed = (consumer: Consumer): void => this.#relayClosed(consumer);
      cluster.addNode({ slotCount: 8192, handler: { onConsumerClosed } });
    }
    this.#random = cluster.random.fork();
    for (let i = 1; i < NODES; i++) {
      for (const [from, to] of [
        [i - 1, i],
        [i, i - 1],
      ]) {
        const path = { up: { ...ROUGH, delayUs: 12_000 }, down: { delayUs: 12_000 } };
        this.#links.set(`${from}>${to}`, cluster.connect(cluster.nodes[from], cluster.nodes[to], path));
      }
    }
    this.#step();
  }

  /** No more changes, a clean network. */
  calmDown(): void {
    this.#over = true;
    for (const { forth } of this.#cluster.relays) forth.configure(CLEAN);
    for (const { up } of this.#cluster.publishers) up.configure(CLEAN);
    for (const { down } of this.#cluster.viewers) down.configure(CLEAN);
  }

  /** Streams that should be flowing and are not. */
  stalledStreams(nowUs: number): string[] {
    return this.#watches
      .filter(({ consumer, seat }) => !consumer.closed && this.#publishers.includes(seat))
      .filter(({ stream }) => nowUs - stream.lastFrameUs > 300_000)
      .map(
        ({ stream, consumer }) => `${stream.params.kind} ${stream.params.ssrc}, ${JSON.stringify(consumer.stats())}`,
      );
  }

  end(): void {
    while (this.#publishers.length > 0) this.#closePublisher();
    while (this.#viewers.length > 0) this.#closeViewer();
  }

  #step(): void {
    if (this.#over) return;
    const actions = [
      () => this.#addPublisher(),
      () => this.#addViewer(),
      () => this.#addViewer(),
      () => this.#watch(),
      () => this.#watch(),
      () => this.#watch(),
      () => this.#wish(),
      () => this.#random.chance(0.2) && this.#closePublisher(),
      () => this.#random.chance(0.3) && this.#closeViewer(),
    ];
    actions[this.#random.nextBelow(actions.length)]();
    this.#settle();
    this.#cluster.clock.after(20_000 + this.#random.nextBelow(180_000), () => this.#step());
  }

  #addPublisher(): void {
    if (this.#publishers.length >= 4) return;
    const path = { up: { ...ROUGH, delayUs: 10_000 }, down: { delayUs: 10_000 } };
    this.#publishers.push(this.#cluster.addPublisher(this.#anyNode(), CALL, path));
  }

  #addViewer(): void {
    if (this.#viewers.length >= 10) return;
    const path = { up: { delayUs: 10_000 }, down: { ...ROUGH, delayUs: 10_000 } };
    this.#viewers.push(this.#cluster.addViewer(this.#anyNode(), path));
  }

  #watch(): void {
    const viewer = this.#pick(this.#viewers);
    const seat = this.#pick(this.#publishers);
    if (viewer === undefined || seat === undefined) return;
    const origin = this.#random.chance(0.6) ? seat.video! : seat.audio!;
    const producer = this.#copyAt(origin, seat.node, viewer.node);
    this.#watches.push({ ...this.#cluster.watch(viewer, producer), seat });
  }

  /** The producer on the viewer's node: relayed along the chain as far as it is not there yet. */
  #copyAt(origin: Producer, home: SimNode, target: SimNode): Producer {
    const { nodes } = this.#cluster;
    const copies = this.#copies.get(origin) ?? [];
    this.#copies.set(origin, copies);
    let position = nodes.indexOf(home);
    copies[position] = origin;
    const end = nodes.indexOf(target);
    while (position !== end) {
      const next = position + Math.sign(end - position);
      if (copies[next] === undefined || copies[next].closed) {
        const link = this.#links.get(`${position}>${next}`)!;
        const { consumer, producer } = this.#cluster.relay(link, copies[position]!);
        this.#relayed.set(consumer, { node: nodes[next], producer });
        copies[next] = producer;
      }
      position = next;
    }
    return copies[end]!;
  }

  #relayClosed(consumer: Consumer): void {
    const relayed = this.#relayed.get(consumer);
    if (relayed === undefined) return;
    this.#relayed.delete(consumer);
    relayed.node.engine.closeProducer(relayed.producer, this.#cluster.clock.nowUs);
    relayed.node.settle();
  }

  #wish(): void {
    const watch = this.#pick(this.#watches);
    if (watch === undefined) return;
    watch.consumer.setPreferredLayers({ maxSpatialId: this.#random.nextBelow(2) }, this.#cluster.clock.nowUs);
  }

  #closePublisher(): void {
    const seat = this.#publishers.shift();
    if (seat === undefined) return;
    seat.publisher.stop();
    seat.node.closeTransport(seat.transport);
  }

  #closeViewer(): void {
    const seat = this.#viewers.shift();
    if (seat === undefined) return;
    seat.viewer.stop();
    seat.node.closeTransport(seat.transport);
  }

  #settle(): void {
    for (const node of this.#cluster.nodes) node.settle();
  }

  #anyNode(): SimNode {
    return this.#cluster.nodes[this.#random.nextBelow(NODES)];
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#random.nextBelow(list.length)];
  }
}
