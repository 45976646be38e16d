import type { Ssrc } from "@cation/rtp/units";
import type { ArrivalReporter } from "./bandwidth/arrival-reporter.ts";
import type { AllocationItem } from "./allocation/allocation-item.ts";
import { SubscriberAllocator } from "./allocation/subscriber-allocator.ts";
import type { TransportBandwidth } from "./bandwidth/transport-bandwidth.ts";
import { UNTRACKED, sendToken } from "./bandwidth/send-token.ts";
import type { Consumer } from "./consumer.ts";
import type { ConsumerStream } from "./consumer-stream.ts";
import type { HeaderExtensionIds } from "./header-extensions.ts";
import type { TransportHandle } from "./ids.ts";
import type { PacketSink } from "./packet-sink.ts";
import type { Producer } from "./producer.ts";
import type { Random } from "./random.ts";
import type { SendBatch } from "./send-batch.ts";
import type { StreamDemux } from "./stream-demux.ts";
import { TransportDouble, TransportWord } from "./transport-table.ts";
import type { TransportTable } from "./transport-table.ts";

const REMEMBERED_STREAMS = 4096;

/** What the engine must know of a transport. */
export interface TransportParams {
  /** Ids on packets received; needed for mid and rid at least. Ids of producers that come later are added. */
  readonly extensions: HeaderExtensionIds;
  /** CNAME that the engine uses on it (RFC 7022); at most 255 bytes of UTF-8. */
  readonly cname: string;
  /** Whether feedback may go without a report in front of it (RFC 5506). Default true. */
  readonly reducedSizeRtcp?: boolean;
}

/** The engine's side of one transport: who sends and receives on it, and the counters that its keys demand. */
export class EngineTransport {
  /** int32, see TransportHandle. */
  readonly handle: TransportHandle;
  readonly sink: PacketSink;
  /** The sink's batch. */
  readonly batch: SendBatch;
  readonly cname: Uint8Array;
  readonly reducedSizeRtcp: boolean;
  /** Our own ssrc in RTCP that belongs to no stream we send. */
  readonly localSsrc: Ssrc;

  readonly demux: StreamDemux;
  readonly producers: Producer[] = [];
  readonly consumers: Consumer[] = [];
  /** Outgoing streams by ssrc and by RTX ssrc (as int32). */
  readonly sendStreams = new Map<number, ConsumerStream>();

  /** Tells the peer how its packets arrive; undefined where that was not negotiated. */
  arrivals: ArrivalReporter | undefined;
  /** Shares what the network carries among the pictures that go out. */
  readonly allocator: SubscriberAllocator;
  /** What its path carries; undefined while nothing is sent to a client on it. */
  bandwidth: TransportBandwidth | undefined;

  /** Round trip to the peer by its receiver reports; -1 before the first. */
  rttUs = -1;
  /** When the next RTCP report goes out. */
  nextReportUs: number;
  closed = false;

  receivedPackets = 0;
  receivedBytes = 0;

  #order = 0;
  /** Token of the next record; see `sendToken`. */
  #token = UNTRACKED;
  /** Start of its row in the engine's table. */
  readonly row: number;

  readonly #table: TransportTable;
  #rtcpIndex = 0;
  readonly #nextNumbers = new Map<number, number>();
  #onAllocated: (consumer: Consumer) => void = () => undefined;

  constructor(
    handle: TransportHandle,
    sink: PacketSink,
    params: TransportParams,
    random: Random,
    demux: StreamDemux,
    firstReportUs: number,
    table: TransportTable,
  ) {
    this.handle = (handle | 0) as TransportHandle;
    this.row = table.open(this.handle);
    this.#table = table;
    this.sink = sink;
    this.batch = sink.batch;
    this.cname = new TextEncoder().encode(params.cname).subarray(0, 255);
    this.reducedSizeRtcp = params.reducedSizeRtcp ?? true;
    this.localSsrc = ((random.nextUint32() | 1) >>> 0) as Ssrc;
    this.demux = demux;
    this.nextReportUs = firstReportUs;
    this.allocator = new SubscriberAllocator((item, nowUs) => this.#allocated(item, nowUs));
  }

  /** Place of a new consumer among all that this transport ever had. */
  nextOrder(): number {
    return this.#order++;
  }

  /** Decides anew what each picture gets. Calls `onChanged` for each of which layers or reason changed. */
  runAllocation(nowUs: number, onChanged: (consumer: Consumer) => void): void {
    let audioBps = 0;
    for (const consumer of this.consumers) {
      if (consumer.params.mode !== "single") continue;
      if (consumer.allocation === undefined) audioBps += consumer.streams[0].source?.rate.bps(nowUs) ?? 0;
      else consumer.prepareAllocation(nowUs);
    }
    this.#onAllocated = onChanged;
    this.allocator.run(audioBps, nowUs);
  }

  /** Packets that have left, RTCP included. */
  get sentPackets(): number {
    return this.#table.f64[(this.row >> 1) + TransportDouble.SENT_PACKETS];
  }

  get sentBytes(): number {
    return this.#table.f64[(this.row >> 1) + TransportDouble.SENT_BYTES];
  }

  /** What a completion will bring back of the next record: the transport-wide number that was taken for it. */
  nextToken(): number {
    const token = this.#token;
    this.#token = UNTRACKED;
    return token;
  }

  /** Transport-wide sequence number of the next packet that carries one. */
  nextTransportSequence(): number {
    const { i32 } = this.#table;
    const word = this.row + TransportWord.TRANSPORT_SEQUENCE;
    i32[word] = (i32[word] + 1) & 0xffff;
    this.#token = sendToken(i32[word], 0);
    return i32[word];
  }

  /** The record that took the last transport-wide number does not leave yet: another takes it. */
  returnTransportSequence(): void {
    const { i32 } = this.#table;
    const word = this.row + TransportWord.TRANSPORT_SEQUENCE;
    i32[word] = (i32[word] - 1) & 0xffff;
  }

  /** Gives its row back: nothing is sent any more. */
  releaseRow(): void {
    this.#table.close(this.row);
  }

  /** SRTCP index of the next RTCP packet (RFC 3711 §3.4): never the same twice. */
  nextRtcpIndex(): number {
    return this.#rtcpIndex++;
  }

  /**
   * Extended number that a stream of this ssrc starts with: a random one below 2^15 (so that the receiver cannot mistake
   * the first cycle, RFC 3711 §3.3.1), or, where the ssrc was used on this transport before, the next that is unused:
   * a key, an ssrc and an index are never used with other bytes.
   */
  firstNumber(ssrc: number, wanted: number): number {
    const next = this.#nextNumbers.get(ssrc | 0);
    return next ?? wanted;
  }

  /** A stream ends; `next` is the first number that it did not use. */
  retireNumbers(ssrc: number, next: number): void {
    const numbers = this.#nextNumbers;
    numbers.delete(ssrc | 0);
    numbers.set(ssrc | 0, next);
    if (numbers.size > REMEMBERED_STREAMS) {
      const oldest = numbers.keys().next().value;
      if (oldest !== undefined) numbers.delete(oldest);
    }
  }

  #allocated(item: AllocationItem, nowUs: number): void {
    const consumer = this.consumers.find(({ allocation }) => allocation === item);
    if (consumer === undefined) return;
    consumer.applyAllocation(nowUs);
    this.#onAllocated(consumer);
  }
}
