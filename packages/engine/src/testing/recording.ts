import { Av1Payload, OBU_CONTINUED, ObuType } from "@cation/rtp/payload/av1";
import { CodecKind } from "@cation/rtp/payload/codec-kind";
import { H264Payload, NalType } from "@cation/rtp/payload/h264";
import { Vp8Payload } from "@cation/rtp/payload/vp8";
import { Vp9Payload } from "@cation/rtp/payload/vp9";
import type { RtpPacketView } from "@cation/rtp/rtp-packet-view";

const FOUR_CC: Readonly<Record<number, string>> = {
  [CodecKind.VP8]: "VP80",
  [CodecKind.VP9]: "VP90",
  [CodecKind.AV1]: "AV01",
};
const START_CODE = Uint8Array.of(0, 0, 0, 1);
const TEMPORAL_DELIMITER = Uint8Array.of(0x12, 0);

/** Writes received video into a file that players read: IVF, or H264 as a byte stream (Annex B). */
export class Recording {
  /** Pictures that ended with a marker. */
  pictures = 0;
  readonly #codec: CodecKind;
  readonly #frames: Uint8Array[] = [];
  readonly #times: number[] = [];
  /** Bytes of the frame being put together, and of the OBU that goes on in the next packet. */
  #parts: Uint8Array[] = [];
  #obu: Uint8Array[] = [];
  #firstTimestamp: number | undefined;
  readonly #vp8 = new Vp8Payload();
  readonly #vp9 = new Vp9Payload();
  readonly #av1 = new Av1Payload();
  readonly #h264 = new H264Payload();

  constructor(codec: CodecKind) {
    this.#codec = codec;
  }

  /** Takes packets in their order. */
  push(packet: RtpPacketView): void {
    this.#firstTimestamp ??= packet.timestamp;
    const payload = packet.bytes.slice(packet.payloadOffset, packet.payloadOffset + packet.payloadBytes);
    if (payload.length === 0) return;
    if (this.#codec === CodecKind.VP8) this.#pushVp8(payload);
    else if (this.#codec === CodecKind.VP9) this.#pushVp9(payload, packet.timestamp);
    else if (this.#codec === CodecKind.AV1) this.#pushAv1(payload);
    else this.#pushH264(payload);
    if (!packet.marker) return;
    this.pictures++;
    this.#endFrame(packet.timestamp);
  }

  /** The file. */
  bytes(): Uint8Array {
    if (this.#codec === CodecKind.H264) return concatenate(this.#frames);
    const header = new Uint8Array(32);
    const view = new DataView(header.buffer);
    header.set(new TextEncoder().encode("DKIF"));
    view.setUint16(6, 32, true);
    header.set(new TextEncoder().encode(FOUR_CC[this.#codec]), 8);
    view.setUint16(12, 320, true);
    view.setUint16(14, 180, true);
    view.setUint32(16, 90_000, true);
    view.setUint32(20, 1, true);
    view.setUint32(24, this.#frames.length, true);
    const parts: Uint8Array[] = [header];
    for (const [i, frame] of this.#frames.entries()) {
      const head = new Uint8Array(12);
      const headView = new DataView(head.buffer);
      headView.setUint32(0, frame.length, true);
      headView.setUint32(4, this.#times[i], true);
      parts.push(head, frame);
    }
    return concatenate(parts);
  }

  #endFrame(timestamp: number): void {
    if (this.#parts.length === 0) return;
    this.#frames.push(concatenate(this.#parts));
    this.#times.push((timestamp - (this.#firstTimestamp ?? 0)) >>> 0);
    this.#parts = [];
  }

  #pushVp8(payload: Uint8Array): void {
    if (!this.#vp8.set(payload, 0, payload.length)) throw new Error("no VP8");
    this.#parts.push(payload.subarray(this.#vp8.descriptorBytes));
  }

  /** Each spatial layer is a frame of its own: decoders take them one after another. */
  #pushVp9(payload: Uint8Array, timestamp: number): void {
    if (!this.#vp9.set(payload, 0, payload.length)) throw new Error("no VP9");
    this.#parts.push(payload.subarray(this.#vp9.descriptorBytes));
    if (this.#vp9.endOfFrame) this.#endFrame(timestamp);
  }

  /** AV1 RTP §5: OBUs get their size fields back, and a temporal unit its delimiter. */
  #pushAv1(payload: Uint8Array): void {
    const av1 = this.#av1;
    if (!av1.set(payload, 0, payload.length)) throw new Error("no AV1");
    if (this.#parts.length === 0) this.#parts.push(TEMPORAL_DELIMITER);
    const elements: { readonly bytes: Uint8Array; readonly type: number }[] = [];
    while (av1.next()) {
      const bytes = payload.subarray(av1.elementOffset, av1.elementOffset + av1.elementBytes);
      elements.push({ bytes, type: av1.obuType });
    }
    for (const [i, { bytes, type }] of elements.entries()) {
      if (type === OBU_CONTINUED && i === 0 && av1.continuesPrevious) this.#obu.push(bytes);
      else this.#obu = [bytes];
      if (i === elements.length - 1 && av1.continuesNext) return;
      this.#endObu(concatenate(this.#obu));
      this.#obu = [];
    }
  }

  #endObu(obu: Uint8Array): void {
    const type = (obu[0] >> 3) & 0x0f;
    if (type === ObuType.TEMPORAL_DELIMITER || type === ObuType.TILE_LIST || type === ObuType.PADDING) return;
    if ((obu[0] & 0x02) !== 0) {
      this.#parts.push(obu);
      return;
    }
    const headerBytes = (obu[0] & 0x04) !== 0 ? 2 : 1;
    const header = obu.slice(0, headerBytes);
    header[0] |= 0x02;
    this.#parts.push(header, leb128(obu.length - headerBytes), obu.subarray(headerBytes));
  }

  /** RFC 6184 §5.6 … §5.8. */
  #pushH264(payload: Uint8Array): void {
    const h264 = this.#h264;
    if (!h264.set(payload, 0, payload.length)) throw new Error("no H264");
    while (h264.next()) {
      const unit = payload.subarray(h264.nalOffset, h264.nalOffset + h264.nalBytes);
      if (h264.packetType !== NalType.FU_A) this.#parts.push(START_CODE, unit);
      else if (h264.startsNalUnit) {
        this.#parts.push(START_CODE, Uint8Array.of((payload[0] & 0xe0) | h264.nalType), unit);
      } else {
        this.#parts.push(unit);
      }
    }
  }
}

function leb128(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  return Uint8Array.from(bytes);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const target = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    target.set(part, position);
    position += part.length;
  }
  return target;
}
