import { readU16, readU32 } from "@cation/rtp/byte-order";
import type { ConsumerStream } from "../consumer-stream.ts";
import { DropReason } from "../drop-reason.ts";
import type { EngineContext } from "../engine-context.ts";
import type { EngineTransport } from "../engine-transport.ts";
import type { ExtensionPlan } from "../extension-plan.ts";
import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES } from "../send-batch.ts";
import type { SendBatch } from "../send-batch.ts";
import { HeldRecords, HeldStamp } from "./held-records.ts";
import { PacerClass } from "./pacer.ts";
import { leaveAnyway, mayLeave } from "./pacing-budget.ts";
import { writePaddingRecord } from "./padding-record.ts";
import { isTracked, sendToken, sequenceOfToken } from "./send-token.ts";

const RECORD_WORDS = SEND_RECORD_BYTES / 4;
const MARKER = 0x80;
/** Packets of a stream that are sent once more to fill time: the newest ones, in turn. */
const PADDING_CANDIDATES = 16;
/** A packet that is much smaller than what is asked for would make too many of them. */
const MIN_CANDIDATE_RATIO = 0.5;
const MIN_REPEATED_BYTES = 300;

/** Bytes that a record puts on the wire, without what SRTP adds. */
export function recordBytes(batch: SendBatch, record: number): number {
  return batch.u16[record * RECORD_WORDS * 2 + 11] + batch.u16[record * RECORD_WORDS * 2 + 7];
}

/**
 * Takes records back that may not leave yet, and lets them go later: transport-wide number and abs-send-time are those of leaving.
 * One in an engine.
 */
export class RecordPacing {
  readonly #context: EngineContext;
  readonly #held = new HeldRecords();
  #candidate = 0;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Records that wait. */
  get heldRecords(): number {
    return this.#held.count;
  }

  /** Sees to it that the record that was written last leaves when it may. True where that is now. */
  leave(transport: EngineTransport, packetClass: PacerClass, plan: ExtensionPlan, stamp: HeldStamp): boolean {
    const { transports, nowUs } = this.#context;
    const bytes = recordBytes(transport.batch, transport.batch.count - 1);
    if (packetClass === PacerClass.AUDIO) {
      leaveAnyway(transports.f64, transport.row, bytes);
      return true;
    }
    if (mayLeave(transports.f64, transport.row, bytes, nowUs)) return true;
    this.hold(transport, packetClass, plan, stamp);
    return false;
  }

  /**
   * Takes the record that was written last (with its number) back: it waits for its turn. Its header was laid out by `plan`.
   */
  hold(transport: EngineTransport, packetClass: PacerClass, plan: ExtensionPlan, stamp: HeldStamp): void {
    const { batch, bandwidth } = transport;
    const record = --batch.count;
    if (isTracked(batch.u32[record * RECORD_WORDS + 6])) transport.returnTransportSequence();
    const index = this.#held.put(batch, record, byteOf(plan.transportCcOffset), byteOf(plan.absSendTimeOffset), stamp);
    if (index < 0 || bandwidth === undefined) {
      this.#context.drops.add(DropReason.PACER_FULL);
      if (index >= 0) this.#held.release(index);
      return;
    }
    const nowUs = this.#context.nowUs;
    if (!bandwidth.pacer.enqueue(packetClass, index, recordBytes(batch, record), nowUs)) {
      this.#held.release(index);
      this.#context.drops.add(DropReason.PACER_FULL);
      return;
    }
    this.#context.bandwidth.activate(bandwidth, nowUs);
  }

  /** Writes a held record into the batch. Returns its bytes; 0 where its slot has been written again. */
  release(transport: EngineTransport, index: number, probeCluster: number): number {
    const held = this.#held;
    const { store } = this.#context;
    if (store.generations[held.slotOf(index)] !== held.generationOf(index)) {
      held.release(index);
      this.#context.drops.add(DropReason.PACER_SLOT_OVERWRITTEN);
      return 0;
    }
    const { batch } = transport;
    if (batch.count === batch.capacity) transport.sink.flush();
    const record = batch.count++;
    held.copyTo(index, batch, record);
    if (held.stamp[index] !== HeldStamp.NONE) this.#stamp(transport, index, batch, record, probeCluster);
    held.release(index);
    return recordBytes(batch, record);
  }

  /** Whether `pad` could send something. */
  canPad(transport: EngineTransport): boolean {
    return paddedStream(transport) !== undefined;
  }

  /**
   * Sends one packet of about `bytes` that the receiver does not need: a recent one over RTX, as libwebrtc does, or one of nothing
   * but padding. Returns its bytes; 0 where the receiver has no RTX.
   */
  pad(transport: EngineTransport, bytes: number, probeCluster: number): number {
    const stream = paddedStream(transport);
    if (stream === undefined) return 0;
    const repeated = this.#repeat(stream, bytes, probeCluster);
    const sent = repeated > 0 ? repeated : writePaddingRecord(this.#context, stream, probeCluster);
    if (sent > 0) stream.paddingPackets++;
    return sent;
  }

  #repeat(stream: ConsumerStream, bytes: number, probeCluster: number): number {
    const { batch } = stream.transport;
    if (bytes < MIN_REPEATED_BYTES) return 0;
    for (let tries = 0; tries < PADDING_CANDIDATES; tries++) {
      this.#candidate = (this.#candidate + 1) % PADDING_CANDIDATES;
      const sequenceNumber = (stream.rewriter.highestOut - this.#candidate) & 0xffff;
      if (this.#context.retransmitter.repeat(stream, sequenceNumber, bytes * MIN_CANDIDATE_RATIO) !== DropReason.NONE) {
        continue;
      }
      const record = batch.count - 1;
      const token = batch.u32[record * RECORD_WORDS + 6];
      if (isTracked(token)) batch.u32[record * RECORD_WORDS + 6] = sendToken(sequenceOfToken(token), probeCluster);
      return recordBytes(batch, record);
    }
    return 0;
  }

  discard(index: number): void {
    this.#held.release(index);
    this.#context.drops.add(DropReason.PACER_AGED);
  }

  #stamp(transport: EngineTransport, index: number, batch: SendBatch, record: number, probeCluster: number): void {
    const held = this.#held;
    const start = record * SEND_RECORD_BYTES;
    const { u8 } = batch;
    const { absSendTime } = this.#context;
    let sequence = 0;
    if (held.transportCcByte[index] !== 0) {
      sequence = transport.nextTransportSequence();
      transport.nextToken();
      batch.u32[record * RECORD_WORDS + 6] = sendToken(sequence, probeCluster);
      const at = start + held.transportCcByte[index];
      u8[at] = sequence >>> 8;
      u8[at + 1] = sequence;
    }
    if (held.absSendTimeByte[index] !== 0) {
      const at = start + held.absSendTimeByte[index];
      u8[at] = absSendTime >>> 16;
      u8[at + 1] = absSendTime >>> 8;
      u8[at + 2] = absSendTime;
    }
    if (held.stamp[index] !== HeldStamp.NUMBERS_REMEMBERED) return;
    const header = start + SEND_PREFIX_OFFSET;
    const stream = transport.sendStreams.get(readU32(u8, header + 8) | 0);
    const number = batch.u32[record * RECORD_WORDS + 4] * 0x1_0000 + readU16(u8, header + 2);
    stream?.sentWith(number, absSendTime, sequence, (u8[header + 1] & MARKER) !== 0);
  }
}

/** The stream whose RTX takes padding: the first video that has sent something. */
function paddedStream(transport: EngineTransport): ConsumerStream | undefined {
  const { consumers } = transport;
  for (let i = 0; i < consumers.length; i++) {
    const [stream] = consumers[i].streams;
    if (stream.rtxSsrc !== 0 && stream.packets > 0 && stream.rtxPayloadType > 0) return stream;
  }
  return undefined;
}

function byteOf(offset: number): number {
  return offset < 0 ? 0 : SEND_PREFIX_OFFSET + offset;
}
