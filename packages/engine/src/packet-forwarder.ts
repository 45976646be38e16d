import { networkOrder } from "@cation/rtp/byte-order";
import { HeldStamp } from "./bandwidth/held-records.ts";
import { PacerClass } from "./bandwidth/pacer.ts";
import { leaveAnyway, mayLeave } from "./bandwidth/pacing-budget.ts";
import { sendToken, UNTRACKED } from "./bandwidth/send-token.ts";
import type { ConsumerStream } from "./consumer-stream.ts";
import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";
import type { ForwardGroup } from "./forward-group.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import { Layering } from "./layering.ts";
import type { ProducerStream } from "./producer-stream.ts";
import { SEND_RECORD_BYTES } from "./send-batch.ts";
import { STREAM_ROW_WORDS, StreamDouble, StreamWord } from "./stream-table.ts";
import { TransportWord } from "./transport-table.ts";

const RECORD_WORDS = SEND_RECORD_BYTES / 4;
const HEADER_WORD = 8;

/**
 * Sends a packet to all consumers of its stream. The steady state (a packet newer than all before it, to streams that get
 * it) is done here, row by row: copy the group's template, patch the numbers. Whatever else there is goes to
 * `ConsumerStream.forward`, which does the same with more questions.
 */
export class PacketForwarder {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Writes the records of a packet. */
  forward(packet: IncomingPacket, source: ProducerStream): void {
    const { rows, forwarding } = source;
    const { groups } = source.producer;
    const { drops, transports, nowUs } = this.#context;
    const isAudio = source.producer.params.kind === "audio";
    this.#context.head.absSendTime = this.#context.absSendTime;
    const { i32, f64 } = rows;
    // Padding of the sender's probes is not for everybody; nor is what has layers.
    const plain = packet.payloadBytes > 0 && packet.layering === Layering.NONE;
    for (let i = 0; i < forwarding.length; i++) {
      const row = i * STREAM_ROW_WORDS;
      if (
        !plain ||
        i32[row + StreamWord.FLAGS] !== 0 ||
        packet.temporalId > i32[row + StreamWord.MAX_TEMPORAL_ID] ||
        packet.extSeq <= f64[(row >> 1) + StreamDouble.HIGHEST_IN]
      ) {
        const reason = forwarding[i].forward(packet);
        if (reason !== DropReason.NONE) drops.add(reason);
        continue;
      }
      const group = groups[i32[row + StreamWord.GROUP]] as ForwardGroup;
      const laid = group.lay(packet, this.#context.head);
      if (laid !== DropReason.NONE) {
        drops.add(laid);
        continue;
      }
      this.#write(packet, group, i32, f64, row, transports.i32);
      const transport = i32[row + StreamWord.TRANSPORT];
      if (isAudio) leaveAnyway(transports.f64, transport, group.bytes);
      else if (!mayLeave(transports.f64, transport, group.bytes, nowUs)) this.#hold(forwarding[i], group);
    }
  }

  /** The record that was written last waits for its turn. */
  #hold(stream: ConsumerStream, group: ForwardGroup): void {
    this.#context.pacing.hold(stream.transport, PacerClass.VIDEO, group.key.plan, HeldStamp.NUMBERS);
  }

  /** Copies the template into the sink's batch and patches what the stream has of its own. */
  #write(
    packet: IncomingPacket,
    group: ForwardGroup,
    i32: Int32Array,
    f64: Float64Array,
    row: number,
    transports: Int32Array,
  ): void {
    const { sink } = group.key;
    const { batch } = sink;
    if (batch.count === batch.capacity) sink.flush();
    const record = batch.count++ * RECORD_WORDS;
    const { u32 } = batch;
    const template = group.template.u32;
    for (let i = 0; i < group.words; i++) u32[record + i] = template[i];

    const double = row >> 1;
    const number = packet.extSeq + f64[double + StreamDouble.SEQUENCE_OFFSET];
    f64[double + StreamDouble.HIGHEST_IN] = packet.extSeq;
    f64[double + StreamDouble.HIGHEST_OUT] = number;
    f64[double + StreamDouble.LAST_ARRIVAL_US] = packet.arrivalUs;
    f64[double + StreamDouble.PACKETS]++;
    f64[double + StreamDouble.BYTES] += packet.payloadBytes;
    if (packet.keyframeStart) f64[double + StreamDouble.LAST_KEYFRAME_US] = packet.arrivalUs;
    const timestamp = (packet.timestamp + i32[row + StreamWord.TIMESTAMP_OFFSET]) | 0;
    i32[row + StreamWord.LAST_TIMESTAMP] = timestamp;

    const transport = i32[row + StreamWord.TRANSPORT];
    u32[record] = transports[transport + TransportWord.HANDLE];
    u32[record + 4] = Math.floor(number / 0x1_0000);
    u32[record + 6] = UNTRACKED;
    u32[record + HEADER_WORD] |= networkOrder(number & 0xffff);
    u32[record + HEADER_WORD + 1] = networkOrder(timestamp);
    u32[record + HEADER_WORD + 2] = i32[row + StreamWord.SSRC];
    if (group.transportCcByte >= 0) {
      const sequence = (transports[transport + TransportWord.TRANSPORT_SEQUENCE] + 1) & 0xffff;
      transports[transport + TransportWord.TRANSPORT_SEQUENCE] = sequence;
      u32[record + 6] = sendToken(sequence, 0);
      const byte = 4 * record + group.transportCcByte;
      batch.u8[byte] = sequence >>> 8;
      batch.u8[byte + 1] = sequence;
    }
    if (group.pictureWord >= 0) {
      const pictureId = (packet.pictureId + i32[row + StreamWord.PICTURE_ID_OFFSET]) & 0x7fff;
      i32[row + StreamWord.LAST_PICTURE_ID] = pictureId;
      u32[record + group.pictureWord] |= networkOrder(pictureId);
      const tl0 = (packet.tl0PictureIndex + i32[row + StreamWord.TL0_OFFSET]) & 0xff;
      if (packet.tl0PictureIndex >= 0) i32[row + StreamWord.LAST_TL0] = tl0;
      if (group.hasTl0) u32[record + group.pictureWord + 1] |= tl0;
    }
  }
}
