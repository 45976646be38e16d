import type { Consumer } from "@cation/engine/consumer";
import { describe, expect, test } from "vitest";
import { brokenInvariants } from "./invariants.ts";
import type { PublisherSeat, ViewerSeat } from "./sim-cluster.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { seedsFor, withSeed } from "./sim-run.ts";
import type { VideoShape } from "./video-source.ts";

const LOW: VideoShape = { packetsPerKeyframe: 2, packetsPerFrame: 1, packetBytes: 150, temporalLayers: 3 };
const HIGH: VideoShape = { packetsPerKeyframe: 5, packetsPerFrame: 2, packetBytes: 300, temporalLayers: 3 };
const CALL = { audio: true, video: [LOW, HIGH], framesPerSecond: 20, rtx: true, signalsSsrcs: false };
const SEEDS = seedsFor([51, 52, 53], 3);
const RUN_US = 20_000_000;

describe(`coming and going, seeds ${SEEDS.join(" ")}`, { timeout: 30_000 }, () => {
  test.each(SEEDS)("publishers, viewers and consumers come and go, seed %i: nothing is left", (seed) => {
    withSeed(seed, () => {
      const closed: Consumer[] = [];
      const cluster = new SimCluster(seed);
      const node = cluster.addNode({ handler: { onConsumerClosed: (consumer) => closed.push(consumer) } });
      const life = new Life(cluster, node, cluster.random.fork());
      cluster.clock.runFor(RUN_US);
      expect(life.steps).toBeGreaterThan(100);
      life.end();
      cluster.clock.runFor(1_000_000);
      expect(brokenInvariants(cluster, false)).toEqual([]);
      const { transports, producers, consumers } = node.engine.stats();
      expect({ transports, producers, consumers }).toEqual({ transports: 0, producers: 0, consumers: 0 });
      expect(closed.every((consumer) => consumer.closed)).toBe(true);
    });
  });
});

/** Does something at random every 20 … 200 ms. */
class Life {
  steps = 0;
  readonly #cluster: SimCluster;
  readonly #node: SimCluster["nodes"][number];
  readonly #random: SeededRandom;
  readonly #publishers: PublisherSeat[] = [];
  readonly #viewers: ViewerSeat[] = [];
  readonly #consumers: Consumer[] = [];
  #over = false;

  constructor(cluster: SimCluster, node: SimCluster["nodes"][number], random: SeededRandom) {
    this.#cluster = cluster;
    this.#node = node;
    this.#random = random;
    this.#step();
  }

  end(): void {
    this.#over = true;
    while (this.#publishers.length > 0) this.#closePublisher();
    while (this.#viewers.length > 0) this.#closeViewer();
  }

  #step(): void {
    if (this.#over) return;
    this.steps++;
    const actions = [
      () => this.#addPublisher(),
      () => this.#addViewer(),
      () => this.#addViewer(),
      () => this.#watch(),
      () => this.#watch(),
      () => this.#watch(),
      () => this.#change(),
      () => this.#change(),
      () => this.#change(),
      () => this.#closeConsumer(),
      () => this.#random.chance(0.3) && this.#closePublisher(),
      () => this.#random.chance(0.3) && this.#closeViewer(),
    ];
    actions[this.#random.nextBelow(actions.length)]();
    this.#node.settle();
    this.#cluster.clock.after(20_000 + this.#random.nextBelow(180_000), () => this.#step());
  }

  #addPublisher(): void {
    if (this.#publishers.length < 4) this.#publishers.push(this.#cluster.addPublisher(this.#node, CALL));
  }

  #addViewer(): void {
    if (this.#viewers.length < 8) this.#viewers.push(this.#cluster.addViewer(this.#node));
  }

  #watch(): void {
    const viewer = this.#pick(this.#viewers);
    const seat = this.#pick(this.#publishers);
    if (viewer === undefined || seat === undefined) return;
    const producer = this.#random.chance(0.5) ? seat.video! : seat.audio!;
    this.#consumers.push(this.#cluster.watch(viewer, producer, this.#random.chance(0.5)).consumer);
  }

  #change(): void {
    const consumer = this.#pick(this.#consumers);
    if (consumer === undefined) return;
    const { nowUs } = this.#cluster.clock;
    const choice = this.#random.nextBelow(4);
    if (choice === 0) consumer.setPaused(!consumer.paused, nowUs);
    else if (choice === 1) consumer.setPreferredLayers({ maxSpatialId: this.#random.nextBelow(2) }, nowUs);
    else if (choice === 2) consumer.requestKeyframe(nowUs);
    else this.#replace(consumer);
  }

  #replace(consumer: Consumer): void {
    const seat = this.#pick(this.#publishers);
    if (seat === undefined) return;
    const producer = consumer.producer.params.kind === "video" ? seat.video! : seat.audio!;
    consumer.replaceProducer(producer, this.#cluster.clock.nowUs);
  }

  #closeConsumer(): void {
    const consumer = this.#pick(this.#consumers);
    if (consumer !== undefined) this.#node.engine.closeConsumer(consumer);
  }

  #closePublisher(): void {
    const seat = this.#publishers.shift();
    if (seat === undefined) return;
    seat.publisher.stop();
    if (this.#random.chance(0.5)) this.#node.engine.closeProducer(seat.video!);
    this.#node.closeTransport(seat.transport);
  }

  #closeViewer(): void {
    const seat = this.#viewers.shift();
    if (seat === undefined) return;
    seat.viewer.stop();
    this.#node.closeTransport(seat.transport);
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#random.nextBelow(list.length)];
  }
}
