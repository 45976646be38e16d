import type { MonoUs } from "@cation/rtp/units";
import { AllocationItem, NOTHING } from "./allocation/allocation-item.ts";
import { AllocationReason } from "./allocation/allocation-reason.ts";
import { AllocationTier } from "./allocation/allocation-tier.ts";
import { ConsumerStream } from "./consumer-stream.ts";
import type { EngineContext } from "./engine-context.ts";
import type { EngineTransport } from "./engine-transport.ts";
import { KeptClock } from "./kept-clock.ts";
import { selectEncoding } from "./layer-selector.ts";
import type { ConsumerParams } from "./parameters.ts";
import { PayloadMap } from "./payload-map.ts";
import type { Producer } from "./producer.ts";
import type { ProducerStream } from "./producer-stream.ts";
import type { ConsumerStreamStats } from "./stats.ts";
import { ALL_TEMPORAL_LAYERS } from "./temporal-filter.ts";

const ALL_SPATIAL_LAYERS = 255;

/**
 * Highest layers that a receiver wants, from 0; undefined for no limit. A relay that nobody on the other node watches wants
 * none: `maxSpatialId` −1.
 */
export interface PreferredLayers {
  readonly maxSpatialId?: number;
  readonly maxTemporalId?: number;
}

/** RTP egress of a track to one transport. Its own ssrc and numbers go on whatever its source does. */
export class Consumer {
  readonly params: ConsumerParams;
  readonly transport: EngineTransport;
  /** One in mode "single", one for each encoding in mode "all". */
  readonly streams: readonly ConsumerStream[];
  /** What it sends now. */
  producer: Producer;
  paused = false;
  closed = false;
  /** Reports tell the time by this clock instead of the source's own; undefined where that is not known either. */
  keptClock: KeptClock | undefined;
  keepsClock = false;
  /** Its place in the allocation of the transport; undefined for audio and relays, which are not rationed. */
  readonly allocation: AllocationItem | undefined;

  readonly #context: EngineContext;
  /** Takes over at its next keyframe. */
  #successor: Producer | undefined;
  /** As wished. */
  #maxSpatialId = ALL_SPATIAL_LAYERS;
  #maxTemporalId = ALL_TEMPORAL_LAYERS;
  /** As the allocation grants; NOTHING for no packet at all. */
  #allocatedSpatialId = ALL_SPATIAL_LAYERS;
  #allocatedTemporalId = ALL_TEMPORAL_LAYERS;
  #tier: AllocationTier = AllocationTier.OTHER;

  constructor(context: EngineContext, producer: Producer, transport: EngineTransport, params: ConsumerParams) {
    this.#context = context;
    this.producer = producer;
    this.transport = transport;
    this.params = params;
    const usesNack = params.codecs.some((codec) => codec.feedback.nack);
    this.streams = params.streams.map((_, i) => new ConsumerStream(context, this, i, usesNack));
    const isRationed = params.mode === "single" && producer.params.kind === "video";
    this.allocation = isRationed ? new AllocationItem(transport.nextOrder()) : undefined;
  }

  /** What it takes packets from, or will from the next keyframe on. */
  get wantedProducer(): Producer {
    return this.#successor ?? this.producer;
  }

  /** Highest layer that is wished of its producer, whatever is granted of it; NOTHING while it wants none. */
  get wishedSpatialId(): number {
    return this.paused ? NOTHING : this.#maxSpatialId;
  }

  get wishedTemporalId(): number {
    return this.paused ? NOTHING : this.#maxTemporalId;
  }

  /** Stops and resumes sending; after a pause video goes on at the next keyframe, which is asked for. */
  setPaused(paused: boolean, nowUs: MonoUs): void {
    if (this.closed || this.paused === paused) return;
    this.paused = paused;
    if (paused) this.#detach();
    else this.reselect(nowUs);
    this.#wishChanged(nowUs);
    this.#context.settle(nowUs);
  }

  /** Changes the wish; the last one counts, also while a switch is under way. */
  setPreferredLayers(layers: PreferredLayers, nowUs: MonoUs): void {
    if (this.closed) return;
    this.#maxSpatialId = layers.maxSpatialId ?? ALL_SPATIAL_LAYERS;
    this.#maxTemporalId = Math.max(0, layers.maxTemporalId ?? ALL_TEMPORAL_LAYERS);
    this.reselect(nowUs);
    this.#wishChanged(nowUs);
    this.#context.settle(nowUs);
  }

  /** How much the receiver cares for this picture beside its others. */
  setTier(tier: AllocationTier, nowUs: MonoUs): void {
    if (this.closed || this.#tier === tier) return;
    this.#tier = tier;
    this.wakeAllocation(nowUs);
  }

  /** Brings the allocation's view of it up to date. For the engine. */
  prepareAllocation(nowUs: number): void {
    const item = this.allocation;
    if (item === undefined) return;
    const producer = this.wantedProducer;
    item.wanted = !this.paused;
    item.spokeAtUs = producer.spokeAtUs;
    const hasSpoken = producer.spokeAtUs !== Number.NEGATIVE_INFINITY;
    item.tier = this.#tier === AllocationTier.OTHER && hasSpoken ? AllocationTier.SPEAKER : this.#tier;
    item.steps = producer.ladder.steps(this.#maxSpatialId, this.#maxTemporalId, nowUs);
  }

  /** Takes over what was granted. For the engine. */
  applyAllocation(nowUs: number): void {
    const item = this.allocation;
    if (item === undefined || item.reason === AllocationReason.PAUSED) return;
    // Nothing is being sent yet: whatever comes first may pass, until it is known what it costs. Without an estimate all may.
    const unlimited = this.transport.allocator.targetBps === Number.POSITIVE_INFINITY && item.spatialId !== NOTHING;
    if (unlimited || item.reason === AllocationReason.NO_SOURCE) {
      this.setAllocatedLayers(ALL_SPATIAL_LAYERS, ALL_TEMPORAL_LAYERS, nowUs);
    } else {
      this.setAllocatedLayers(item.spatialId, item.temporalId, nowUs);
    }
  }

  /** Grants layers below the wish, or NOTHING (as `spatialId`) for no packet at all. For the engine. */
  setAllocatedLayers(spatialId: number, temporalId: number, nowUs: number): void {
    if (this.closed) return;
    this.#allocatedSpatialId = spatialId;
    this.#allocatedTemporalId = temporalId;
    if (spatialId === NOTHING) {
      this.#detach();
      return;
    }
    this.reselect(nowUs);
  }

  /**
   * Takes another producer as source: audio at its next packet, video at its next keyframe, until when the present one goes
   * on. Ssrc, numbers and timestamps continue. `keepsClock`: the producer is somebody else's, so that reports go on by the
   * clock of the one before.
   */
  replaceProducer(producer: Producer, nowUs: MonoUs, keepsClock = false): void {
    if (this.closed || producer.closed) return;
    this.#keepClock(keepsClock);
    if (this.#successor !== undefined) this.#forgetSuccessor();
    if (producer !== this.producer) {
      this.#successor = producer;
      producer.consumers.push(this);
    }
    this.reselect(nowUs);
    this.#wishChanged(nowUs);
    this.#context.settle(nowUs);
  }

  /** Asks the source for a keyframe, as a receiver does by PLI. */
  requestKeyframe(nowUs: MonoUs): void {
    if (this.closed || this.paused) return;
    for (const stream of this.streams) (stream.target ?? stream.source)?.requestKeyframe(nowUs);
    this.#context.settle(nowUs);
  }

  /** Chooses encodings anew: the wish, the producer, or what it sends has changed. For the engine. */
  reselect(nowUs: number): void {
    if (this.closed || this.paused || this.#allocatedSpatialId === NOTHING) return;
    const producer = this.#successor ?? this.producer;
    if (this.params.mode === "all") this.#attachAll(producer, nowUs);
    else this.#attachOne(producer, this.streams[0], nowUs);
  }

  /** What it could get, or what that costs, has changed. For the engine. */
  wakeAllocation(nowUs: number): void {
    if (this.allocation === undefined) return;
    this.transport.allocator.wake(nowUs);
    this.#context.allocationDueUs = Math.min(this.#context.allocationDueUs, nowUs);
  }

  /** A stream went over to another source. For the engine. */
  sourceChanged(source: ProducerStream): void {
    const producer = source.producer;
    if (producer === this.#successor) {
      const old = this.producer;
      this.#successor = undefined;
      this.producer = producer;
      removeFrom(old.consumers, this);
    }
    this.#context.events.consumerSource(this, producer, source.index);
  }

  /**
   * A producer that this consumer takes packets from, or will, is closed. True where the consumer has another one and
   * lives on. For the engine.
   */
  producerClosed(producer: Producer, nowUs: number): boolean {
    if (producer === this.#successor) {
      this.#forgetSuccessor();
      this.reselect(nowUs);
      return true;
    }
    if (this.#successor === undefined) return false;
    for (const stream of this.streams) stream.dropSource();
    this.producer = this.#successor;
    this.#successor = undefined;
    this.reselect(nowUs);
    return true;
  }

  /** Leaves all lists. For the engine. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const stream of this.streams) stream.close();
    if (this.#successor !== undefined) removeFrom(this.#successor.consumers, this);
    removeFrom(this.producer.consumers, this);
    removeFrom(this.transport.consumers, this);
    this.#context.demand.changed(this.producer);
    if (this.#successor !== undefined) this.#context.demand.changed(this.#successor);
  }

  /** For the streams of this consumer. */
  payloadMapFor(producer: Producer): PayloadMap {
    return new PayloadMap(producer.params.codecs, this.params.codecs);
  }

  /** Fresh figures of each outgoing stream; for scrapes. */
  stats(): ConsumerStreamStats[] {
    const clockRateHz = this.producer.clockRateHz;
    return this.streams.map((stream) => ({
      ssrc: stream.ssrc >>> 0,
      encoding: stream.source?.index ?? -1,
      targetEncoding: stream.target?.index ?? -1,
      packets: stream.packets,
      bytes: stream.bytes,
      resentPackets: stream.resentPackets,
      nackedPackets: stream.nackedPackets,
      keyframeRequests: stream.keyframeRequests,
      switches: stream.switches,
      abandonedNumbers: stream.abandonedNumbers,
      reportedLostPackets: stream.receiver.lostPackets,
      reportedFractionLost: stream.receiver.fractionLost,
      reportedJitterUs:
        stream.receiver.jitter < 0 ? -1 : Math.round((stream.receiver.jitter * 1_000_000) / clockRateHz),
      rttUs: stream.receiver.rttUs,
    }));
  }

  #attachOne(producer: Producer, stream: ConsumerStream, nowUs: number): void {
    const maxSpatialId = Math.min(this.#maxSpatialId, this.#allocatedSpatialId);
    const wanted = selectEncoding(producer.streams, maxSpatialId);
    if (wanted === undefined) return;
    const inner = producer.streams.length > 1 ? ALL_SPATIAL_LAYERS : maxSpatialId;
    stream.setMaxLayers(Math.min(inner, wanted.layers.topSpatialId), this.#temporalLimitOf(wanted));
    if (wanted === stream.source) {
      stream.dropTarget();
      if (stream.needsKeyframe) wanted.requestKeyframe(nowUs);
    } else if (!producer.hasKeyframes) {
      stream.switchTo(wanted);
    } else if (wanted !== stream.target) {
      stream.waitFor(wanted);
      wanted.requestKeyframe(nowUs);
    }
  }

  #attachAll(producer: Producer, nowUs: number): void {
    for (let i = 0; i < this.streams.length && i < producer.streams.length; i++) {
      const source = producer.streams[i];
      const stream = this.streams[i];
      if (i > this.#maxSpatialId) {
        stream.dropTarget();
        stream.dropSource();
      } else if (stream.source === source) {
        stream.dropTarget();
      } else if (stream.packets > 0 && producer.hasKeyframes) {
        // Whoever receives it has frames that those of another source do not follow.
        if (stream.target === source) continue;
        stream.waitFor(source);
        source.requestKeyframe(nowUs);
      } else {
        stream.switchTo(source);
        source.requestKeyframe(nowUs);
      }
    }
  }

  #keepClock(keepsClock: boolean): void {
    const clock = this.streams[0].source?.clock;
    if (!keepsClock) this.keptClock = undefined;
    else if (!this.keepsClock) this.keptClock = clock?.known === true ? new KeptClock(clock) : undefined;
    this.keepsClock = keepsClock;
  }

  /** What it wants of its producer, and of its transport, is to be looked at again. */
  #wishChanged(nowUs: number): void {
    this.#context.demand.changed(this.producer);
    if (this.#successor !== undefined) this.#context.demand.changed(this.#successor);
    this.wakeAllocation(nowUs);
  }

  /** Where all temporal layers are granted there is nothing to filter. */
  #temporalLimitOf(source: ProducerStream): number {
    const granted = this.#allocatedTemporalId;
    return Math.min(this.#maxTemporalId, granted >= source.layers.maxTemporalId ? ALL_TEMPORAL_LAYERS : granted);
  }

  #detach(): void {
    for (const stream of this.streams) {
      stream.dropTarget();
      stream.dropSource();
    }
  }

  #forgetSuccessor(): void {
    if (this.#successor === undefined) return;
    for (const stream of this.streams) {
      if (stream.target?.producer === this.#successor) stream.dropTarget();
    }
    removeFrom(this.#successor.consumers, this);
    this.#successor = undefined;
  }
}

function removeFrom<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
