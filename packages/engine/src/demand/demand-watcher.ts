import { NOTHING } from "../allocation/allocation-item.ts";
import type { EngineEvents } from "../engine-events.ts";
import type { Producer } from "../producer.ts";

/** The highest layers that anybody wants of a producer; −1 where nobody wants any. */
export interface LayerDemand {
  readonly maxSpatialId: number;
  readonly maxTemporalId: number;
}

/**
 * Watches what all consumers of a producer want together, so that its sender can stop what nobody does (dynacast). More is
 * told at once, less only when it has been so for a while: viewers who scroll would otherwise make encoders start and stop.
 */
export class DemandWatcher {
  /** When `run` has something to do; infinite for never. */
  dueUs = Number.POSITIVE_INFINITY;
  readonly #events: EngineEvents;
  readonly #holdUs: number;
  readonly #dirty = new Set<Producer>();
  /** Producers of which less is wanted, and since when. */
  readonly #falling = new Map<Producer, number>();

  constructor(events: EngineEvents, holdUs: number) {
    this.#events = events;
    this.#holdUs = holdUs;
  }

  /** A consumer came, went, or wants something else. Evaluated in `run`, once however many changes there were. */
  changed(producer: Producer): void {
    if (producer.params.kind !== "video" || producer.closed) return;
    this.#dirty.add(producer);
    this.dueUs = Number.NEGATIVE_INFINITY;
  }

  run(nowUs: number): void {
    if (nowUs < this.dueUs) return;
    for (const producer of this.#dirty) this.#evaluate(producer, nowUs);
    this.#dirty.clear();
    let dueUs = Number.POSITIVE_INFINITY;
    for (const [producer, sinceUs] of this.#falling) {
      if (producer.closed) this.#falling.delete(producer);
      else if (nowUs - sinceUs >= this.#holdUs) this.#tell(producer, sumOf(producer));
      else dueUs = Math.min(dueUs, sinceUs + this.#holdUs);
    }
    this.dueUs = dueUs;
  }

  #evaluate(producer: Producer, nowUs: number): void {
    if (producer.closed) return;
    const wanted = sumOf(producer);
    const told = producer.demand;
    const isMore = wanted.maxSpatialId > told.maxSpatialId || wanted.maxTemporalId > told.maxTemporalId;
    const isLess = wanted.maxSpatialId < told.maxSpatialId || wanted.maxTemporalId < told.maxTemporalId;
    if (isMore) {
      this.#falling.delete(producer);
      // What is wanted less of at the same time waits with the rest.
      this.#tell(producer, {
        maxSpatialId: Math.max(wanted.maxSpatialId, told.maxSpatialId),
        maxTemporalId: Math.max(wanted.maxTemporalId, told.maxTemporalId),
      });
      if (isLess) this.#falling.set(producer, nowUs);
    } else if (!isLess) {
      this.#falling.delete(producer);
    } else if (!this.#falling.has(producer)) {
      this.#falling.set(producer, nowUs);
    }
  }

  #tell(producer: Producer, demand: LayerDemand): void {
    this.#falling.delete(producer);
    producer.demand = demand;
    this.#events.demandChanged(producer, demand);
  }
}

/** The most that any consumer wants, no more than there is. */
function sumOf(producer: Producer): LayerDemand {
  let maxSpatialId: number = NOTHING;
  let maxTemporalId: number = NOTHING;
  for (const consumer of producer.consumers) {
    maxSpatialId = Math.max(maxSpatialId, consumer.wishedSpatialId);
    maxTemporalId = Math.max(maxTemporalId, consumer.wishedSpatialId < 0 ? NOTHING : consumer.wishedTemporalId);
  }
  return { maxSpatialId: Math.min(maxSpatialId, producer.maxSpatialId), maxTemporalId };
}
