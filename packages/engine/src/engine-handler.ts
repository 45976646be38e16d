import type { TransportEstimate } from "./bandwidth/transport-bandwidth.ts";
import type { Consumer } from "./consumer.ts";
import type { LayerDemand } from "./demand/demand-watcher.ts";
import type { TransportHandle } from "./ids.ts";
import type { Producer } from "./producer.ts";

/**
 * What the engine tells its owner. Called synchronously, at the end of the call into the engine that caused it; the
 * handler may call the engine again. Must not throw.
 */
export interface EngineHandler {
  /** First packet of an encoding (index into the producer's encodings), or the first after it had stopped. */
  onProducerStream(producer: Producer, encoding: number): void;
  /** The first keyframe of an encoding begins. */
  onProducerKeyframe?(producer: Producer, encoding: number): void;
  /** An encoding has sent nothing for the configured time, or said BYE. */
  onProducerStreamStopped?(producer: Producer, encoding: number): void;
  /** A consumer was closed because its producer or its transport was. Not called for closeConsumer. */
  onConsumerClosed?(consumer: Consumer): void;
  /**
   * The path to a client carries more or less than before. Told of changes beyond 2 % with the feedback that brought them, of
   * smaller ones each second.
   */
  onBandwidth?(transport: TransportHandle, estimate: TransportEstimate): void;
  /** A consumer sends its first packet, or goes over to another encoding or producer. */
  onConsumerSource?(consumer: Consumer, producer: Producer, encoding: number): void;
  /** The highest layers that anybody wants of a producer changed; −1: nobody wants any. */
  onDemand?(producer: Producer, demand: LayerDemand): void;
  /** What a subscriber's network allows of a track changed, or why: `consumer.allocation` says it. */
  onAllocation?(consumer: Consumer): void;
}
