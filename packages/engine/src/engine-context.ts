import { BandwidthControl } from "./bandwidth/bandwidth-control.ts";
import type { ArrivalReporters } from "./bandwidth/arrival-reporters.ts";
import { DemandWatcher } from "./demand/demand-watcher.ts";
import { SentLog } from "./bandwidth/sent-log.ts";
import { RecordPacing } from "./bandwidth/record-pacing.ts";
import type { EngineConfig } from "./engine-config.ts";
import type { EngineEvents } from "./engine-events.ts";
import type { DropCounters } from "./drop-reason.ts";
import type { EngineTransport } from "./engine-transport.ts";
import type { FeedbackSender } from "./feedback-sender.ts";
import { IncomingPacket } from "./incoming-packet.ts";
import { PacketForwarder } from "./packet-forwarder.ts";
import { PayloadStage } from "./payload-stage.ts";
import type { PacketStore } from "./packet-store.ts";
import type { QualityCounters } from "./quality-counters.ts";
import type { Random } from "./random.ts";
import { RtpRecordHead } from "./rtp-record.ts";
import { Retransmitter } from "./retransmitter.ts";
import type { SinkSet } from "./sink-set.ts";
import { SlotIndex } from "./slot-index.ts";
import { StreamTable } from "./stream-table.ts";
import { TransportTable } from "./transport-table.ts";

/** What all parts of one engine share. */
export class EngineContext {
  readonly config: EngineConfig;
  readonly store: PacketStore;
  readonly random: Random;
  readonly events: EngineEvents;
  readonly sinks: SinkSet;
  readonly feedback: FeedbackSender;
  readonly arrivals: ArrivalReporters;
  readonly bandwidth: BandwidthControl;
  readonly drops: DropCounters;
  readonly quality: QualityCounters;
  readonly slots: SlotIndex;
  /** The packet being forwarded. */
  readonly packet: IncomingPacket;
  /** The packet being sent again. */
  readonly resent: IncomingPacket;
  readonly payloads = new PayloadStage();
  readonly head = new RtpRecordHead();
  readonly demand: DemandWatcher;
  readonly forwarder = new PacketForwarder(this);
  readonly retransmitter = new Retransmitter(this);
  readonly pacing = new RecordPacing(this);
  readonly transports = new TransportTable();
  readonly sentLog = new SentLog(this.transports);
  /** Rows of outgoing streams that no source feeds. */
  readonly idleStreams = new StreamTable();
  /** When the next report of any transport is due. */
  reportDueUs = Number.POSITIVE_INFINITY;
  /** When the allocation of any transport is due. */
  allocationDueUs = Number.POSITIVE_INFINITY;
  /** Time of the present call, also as abs-send-time (24 bits). */
  nowUs = 0;
  absSendTime = 0;

  #sourceKey = 0;

  constructor(
    config: EngineConfig,
    store: PacketStore,
    random: Random,
    events: EngineEvents,
    sinks: SinkSet,
    drops: DropCounters,
    feedback: FeedbackSender,
    arrivals: ArrivalReporters,
    quality: QualityCounters,
  ) {
    this.config = config;
    this.store = store;
    this.random = random;
    this.events = events;
    this.sinks = sinks;
    this.drops = drops;
    this.demand = new DemandWatcher(events, config.demandHoldUs);
    this.feedback = feedback;
    this.arrivals = arrivals;
    this.quality = quality;
    this.bandwidth = new BandwidthControl(this);
    this.slots = new SlotIndex(store.slotCount);
    this.packet = new IncomingPacket(store, 0);
    this.resent = new IncomingPacket(store, 1);
  }

  /** Another share of the network is a transport's: its allocation will follow. */
  retarget(transport: EngineTransport, targetBps: number, nowUs: number): void {
    transport.allocator.setTarget(targetBps, nowUs);
    this.allocationDueUs = Math.min(this.allocationDueUs, transport.allocator.dueUs);
  }

  /** Ends a call into the engine: what it caused is sent and told. */
  settle(nowUs: number): void {
    this.feedback.run(nowUs);
    this.arrivals.run(nowUs);
    this.bandwidth.run(nowUs);
    this.sinks.flush();
    this.events.deliver();
  }

  /** A new identity of a stream's sequence numbers. */
  nextSourceKey(): number {
    this.#sourceKey = (this.#sourceKey + 1) & 0x3fff_ffff;
    return this.#sourceKey;
  }
}
