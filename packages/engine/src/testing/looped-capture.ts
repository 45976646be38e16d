import type { Fixture } from "@cation/rtp/fixtures/fixture";
import { mediaPackets } from "@cation/rtp/fixtures/packets";
import type { CodecKind } from "@cation/rtp/payload/codec-kind";
import { codecKindOf, CodecKind as Kind } from "@cation/rtp/payload/codec-kind";
import { patchFrameNumber } from "@cation/rtp/payload/dependency-descriptor";
import { isKeyframeStart } from "@cation/rtp/payload/keyframe";
import { patchVp8PictureId, Vp8Payload } from "@cation/rtp/payload/vp8";
import { patchVp9PictureId, Vp9Payload } from "@cation/rtp/payload/vp9";
import type { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { HEADER_EXTENSION_URIS } from "../header-extensions.ts";

/** Ticks between the end of one round and the start of the next. */
const ROUND_GAP_TICKS = 3000;

interface Loop {
  readonly packets: readonly RtpPacketView[];
  readonly idsPerRound: number;
  readonly ticksPerRound: number;
}

/**
 * Plays a capture again and again, as an encoder that makes a keyframe each time: from the first keyframe of each stream to
 * its last whole picture, with numbers, timestamps, picture ids and frame numbers that go on.
 */
export class LoopedCapture {
  readonly codec: CodecKind;
  readonly ssrcs: readonly number[];
  readonly #loops: readonly Loop[];
  readonly #next: number[];
  readonly #descriptorId: number;
  readonly #vp8 = new Vp8Payload();
  readonly #vp9 = new Vp9Payload();
  #round = 0;

  constructor(fixture: Fixture) {
    this.codec = codecKindOf(fixture.info.codec);
    this.#descriptorId = fixture.info.extensions[HEADER_EXTENSION_URIS.dependencyDescriptor] ?? 0;
    const all = mediaPackets(fixture);
    const ssrcs = [...new Set(all.map(({ ssrc }) => ssrc as number))];
    const loops = ssrcs.map((ssrc) => this.#loopOf(all.filter((packet) => packet.ssrc === ssrc)));
    this.ssrcs = ssrcs.filter((_, i) => loops[i].packets.length > 0);
    this.#loops = loops.filter(({ packets }) => packets.length > 0);
    this.#next = this.#loops.map((_, i) => 1000 * (i + 1));
  }

  /** Packets of the next round, streams side by side in the order of their timestamps. */
  nextRound(): Uint8Array[] {
    const round = this.#round++;
    const streams = this.#loops.map(({ packets, ticksPerRound, idsPerRound }, stream) =>
      packets.map((packet) => ({
        age: (packet.timestamp - packets[0].timestamp) | 0,
        bytes: this.#rewrite(packet, stream, round * ticksPerRound, round * idsPerRound),
      })),
    );
    return streams
      .flat()
      .sort((a, b) => a.age - b.age)
      .map(({ bytes }) => bytes);
  }

  #loopOf(packets: readonly RtpPacketView[]): Loop {
    const start = packets.findIndex(({ bytes, payloadOffset, payloadBytes }) =>
      isKeyframeStart(this.codec, bytes, payloadOffset, payloadBytes),
    );
    const end = packets.findLastIndex(({ marker }) => marker);
    const whole = start < 0 ? [] : contiguous(packets.slice(start, end + 1));
    if (whole.length === 0) return { packets: [], idsPerRound: 0, ticksPerRound: 0 };
    const ids = whole.map((packet) => this.#idOf(packet));
    const ticks = whole.map(({ timestamp }) => (timestamp - whole[0].timestamp) | 0);
    return {
      packets: whole,
      idsPerRound: ((ids.at(-1)! - ids[0]) & 0x7fff) + 1,
      ticksPerRound: Math.max(...ticks) + ROUND_GAP_TICKS,
    };
  }

  #idOf(packet: RtpPacketView): number {
    const { bytes, payloadOffset, payloadBytes } = packet;
    if (this.codec === Kind.VP8 && this.#vp8.set(bytes, payloadOffset, payloadBytes)) return this.#vp8.pictureId;
    if (this.codec === Kind.VP9 && this.#vp9.set(bytes, payloadOffset, payloadBytes)) return this.#vp9.pictureId;
    const descriptor = packet.findExtension(this.#descriptorId);
    return descriptor < 0 ? 0 : (bytes[descriptor + 1] << 8) | bytes[descriptor + 2];
  }

  #rewrite(packet: RtpPacketView, stream: number, ticks: number, ids: number): Uint8Array {
    const bytes = packet.bytes.slice(0, packet.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(2, this.#next[stream]++ & 0xffff);
    view.setUint32(4, (packet.timestamp + ticks) >>> 0);
    const { payloadOffset, payloadBytes } = packet;
    if (this.codec === Kind.VP8 && this.#vp8.set(bytes, payloadOffset, payloadBytes)) {
      const { pictureId, pictureIdBits, pictureIdOffset } = this.#vp8;
      if (pictureIdOffset >= 0) patchVp8PictureId(bytes, pictureIdOffset, pictureIdBits, pictureId + ids);
    } else if (this.codec === Kind.VP9 && this.#vp9.set(bytes, payloadOffset, payloadBytes)) {
      const { pictureId, pictureIdBits, pictureIdOffset } = this.#vp9;
      if (pictureIdOffset >= 0) patchVp9PictureId(bytes, pictureIdOffset, pictureIdBits, pictureId + ids);
    }
    const descriptor = packet.findExtension(this.#descriptorId);
    if (descriptor >= 0) patchFrameNumber(bytes, descriptor, (view.getUint16(descriptor + 1) + ids) & 0xffff);
    return bytes;
  }
}

/** Up to the first gap, and there up to the last whole picture. */
function contiguous(packets: readonly RtpPacketView[]): RtpPacketView[] {
  const gap = packets.findIndex(
    ({ sequenceNumber }, i) => i > 0 && ((sequenceNumber - packets[i - 1].sequenceNumber) & 0xffff) !== 1,
  );
  const run = gap < 0 ? packets : packets.slice(0, gap);
  return run.slice(0, run.findLastIndex(({ marker }) => marker) + 1);
}
