import type { Consumer } from "@cation/engine/consumer";
import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import type { TransportHandle } from "@cation/engine/ids";
import type { PacketSink } from "@cation/engine/packet-sink";
import type { PacketStore } from "@cation/engine/packet-store";
import type { ConsumerParams, ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import type { MonoUs } from "@cation/rtp/units";

/** What relay links need of the worker that carries their media. */
export interface RelayMedia {
  readonly store: PacketStore;
  nowUs(): MonoUs;
  /** A transport of the engine whose records go to `sink` instead of the socket. */
  openLink(sink: PacketSink): TransportHandle;
  /** Its producers and consumers are closed before. Idempotent. */
  closeLink(handle: TransportHandle): void;
  receive(batch: ReceiveBatch, nowUs: MonoUs): void;
  addProducer(params: ProducerParams): Producer;
  closeProducer(producer: Producer): void;
  /** Told of the highest layers that anybody wants of a producer, whenever they change. */
  watchDemand(producer: Producer, listener: (demand: LayerDemand) => void): void;
  /** Forwards no layers above these; −1: none. */
  setDemand(consumer: Consumer, demand: LayerDemand): void;
  /** Whether no consumer takes packets from it, or is to. */
  isProducerIdle(producer: Producer): boolean;
  addConsumer(producer: Producer, params: ConsumerParams): Consumer;
  closeConsumer(consumer: Consumer): void;
  /** Gives a consumer another source, from its next keyframe on. */
  replaceProducer(consumer: Consumer, producer: Producer): void;
}
