import type { Consumer } from "./consumer.ts";
import type { LayerDemand } from "./demand/demand-watcher.ts";
import type { TransportEstimate } from "./bandwidth/transport-bandwidth.ts";
import type { EngineHandler } from "./engine-handler.ts";
import type { TransportHandle } from "./ids.ts";
import type { Producer } from "./producer.ts";

type EngineEvent =
  | { readonly kind: "started"; readonly producer: Producer; readonly encoding: number }
  | { readonly kind: "keyframe"; readonly producer: Producer; readonly encoding: number }
  | { readonly kind: "stopped"; readonly producer: Producer; readonly encoding: number }
  | { readonly kind: "bandwidth"; readonly transport: TransportHandle; readonly estimate: TransportEstimate }
  | { readonly kind: "closed"; readonly consumer: Consumer }
  | { readonly kind: "demand"; readonly producer: Producer; readonly demand: LayerDemand }
  | { readonly kind: "allocation"; readonly consumer: Consumer }
  | { readonly kind: "source"; readonly consumer: Consumer; readonly producer: Producer; readonly encoding: number };

/**
 * Keeps what the handler is to be told until the engine has finished its work, so that a handler may call the engine
 * without disturbing a loop. Streams start and stop rarely: this is not on the packet path.
 */
export class EngineEvents {
  readonly #handler: EngineHandler;
  readonly #queue: EngineEvent[] = [];
  #delivering = false;

  constructor(handler: EngineHandler) {
    this.#handler = handler;
  }

  streamStarted(producer: Producer, encoding: number): void {
    this.#queue.push({ kind: "started", producer, encoding });
  }

  streamKeyframe(producer: Producer, encoding: number): void {
    this.#queue.push({ kind: "keyframe", producer, encoding });
  }

  streamStopped(producer: Producer, encoding: number): void {
    this.#queue.push({ kind: "stopped", producer, encoding });
  }

  consumerClosed(consumer: Consumer): void {
    this.#queue.push({ kind: "closed", consumer });
  }

  consumerSource(consumer: Consumer, producer: Producer, encoding: number): void {
    this.#queue.push({ kind: "source", consumer, producer, encoding });
  }

  demandChanged(producer: Producer, demand: LayerDemand): void {
    this.#queue.push({ kind: "demand", producer, demand });
  }

  allocationChanged(consumer: Consumer): void {
    this.#queue.push({ kind: "allocation", consumer });
  }

  bandwidth(transport: TransportHandle, estimate: TransportEstimate): void {
    this.#queue.push({ kind: "bandwidth", transport, estimate });
  }

  /** Tells the handler everything, what its own calls cause included. */
  deliver(): void {
    if (this.#delivering || this.#queue.length === 0) return;
    this.#delivering = true;
    for (let i = 0; i < this.#queue.length; i++) this.#tell(this.#queue[i]);
    this.#queue.length = 0;
    this.#delivering = false;
  }

  #tell(event: EngineEvent): void {
    const handler = this.#handler;
    switch (event.kind) {
      case "started":
        return handler.onProducerStream(event.producer, event.encoding);
      case "keyframe":
        return handler.onProducerKeyframe?.(event.producer, event.encoding);
      case "stopped":
        return handler.onProducerStreamStopped?.(event.producer, event.encoding);
      case "bandwidth":
        return handler.onBandwidth?.(event.transport, event.estimate);
      case "closed":
        return handler.onConsumerClosed?.(event.consumer);
      case "demand":
        return handler.onDemand?.(event.producer, event.demand);
      case "allocation":
        return handler.onAllocation?.(event.consumer);
      case "source":
        return handler.onConsumerSource?.(event.consumer, event.producer, event.encoding);
    }
  }
}
