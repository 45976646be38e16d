import type { IncomingPacket } from "./incoming-packet.ts";
import { Layering } from "./layering.ts";
import { leavesOut, RewriteSegments } from "./rewrite-segments.ts";
import type { RewriteSegment } from "./rewrite-segments.ts";
import { StreamDouble, StreamFlag, StreamWord } from "./stream-table.ts";
import type { StreamPlace } from "./stream-table.ts";

const PICTURE_ID_MASK = 0x7fff;
const FRAME_NUMBER_MASK = 0xffff;

/**
 * Makes one continuous stream out of packets of changing sources: sequence numbers, timestamps and VP8 picture ids go on
 * without a step where the source changes or packets are left out on purpose, and keep their gaps where the network lost
 * something, so that the receiver sees real loss and nothing else.
 *
 * Outgoing numbers are extended (cycles counted from 0): their upper part is the SRTP rollover counter. What the steady
 * state needs stands in the stream's row, where the PacketForwarder maps packets that are newer than all before; this
 * class does everything else.
 */
export class StreamRewriter {
  /** Of `map`: what to write into the payload descriptor; -1 where there is none. */
  pictureId = -1;
  tl0PictureIndex = -1;

  readonly #place: StreamPlace;
  #segments: RewriteSegments | null = null;
  readonly #found: RewriteSegment = {
    sourceKey: -1,
    startIn: 0,
    sequenceOffset: 0,
    timestampOffset: 0,
    pictureIdOffset: 0,
    tl0Offset: 0,
    leftOutBefore: -1,
    leftOutBehind: -1,
  };

  /** `nextOut` is the first extended number to use. */
  constructor(place: StreamPlace, nextOut: number) {
    this.#place = place;
    place.flag(StreamFlag.FRESH, true);
    place.setWord(StreamWord.SOURCE_KEY, -1);
    place.setWord(StreamWord.LAST_PICTURE_ID, -1);
    place.setWord(StreamWord.LAST_TL0, -1);
    place.setWord(StreamWord.LEFT_OUT_PICTURE_ID, -1);
    place.setDouble(StreamDouble.HIGHEST_OUT, nextOut - 1);
    place.setDouble(StreamDouble.HIGHEST_IN, -1);
    place.setDouble(StreamDouble.LAST_ARRIVAL_US, -1);
  }

  /** Source (and epoch of it) whose packets are mapped now; -1 for none. */
  get sourceKey(): number {
    return this.#place.has(StreamFlag.FRESH) ? -1 : this.#place.word(StreamWord.SOURCE_KEY);
  }

  /** Highest extended number sent; -1 before the first. */
  get highestOut(): number {
    return this.#place.double(StreamDouble.HIGHEST_OUT);
  }

  /** Outgoing minus incoming RTP timestamp of the current source, int32. */
  get timestampOffset(): number {
    return this.#place.word(StreamWord.TIMESTAMP_OFFSET);
  }

  /** Timestamp of the newest packet sent, int32. */
  get lastTimestamp(): number {
    return this.#place.word(StreamWord.LAST_TIMESTAMP);
  }

  /** When the newest packet sent arrived, MonoUs. */
  get lastArrivalUs(): number {
    return this.#place.double(StreamDouble.LAST_ARRIVAL_US);
  }

  /** Outgoing minus incoming picture id or frame number of the current source. */
  get pictureIdOffset(): number {
    return this.#place.word(StreamWord.PICTURE_ID_OFFSET);
  }

  /**
   * Goes over to the source of `packet`, which is the first that will be sent of it, with its timestamps moved by
   * `timestampOffset`. `nextOut` is the number that it gets.
   */
  begin(packet: IncomingPacket, nextOut: number, timestampOffset: number): void {
    const place = this.#place;
    if (place.word(StreamWord.SOURCE_KEY) >= 0) this.#closeSegment(place.double(StreamDouble.HIGHEST_IN) + 1, -1);
    place.flag(StreamFlag.FRESH, false);
    place.setWord(StreamWord.SOURCE_KEY, packet.sourceKey);
    place.setWord(StreamWord.TIMESTAMP_OFFSET, timestampOffset);
    place.setDouble(StreamDouble.SEQUENCE_OFFSET, nextOut - packet.extSeq);
    place.setDouble(StreamDouble.START_IN, packet.extSeq);
    place.setDouble(StreamDouble.SEGMENT_START, packet.extSeq);
    place.setDouble(StreamDouble.HIGHEST_IN, packet.extSeq - 1);
    place.setWord(StreamWord.LEFT_OUT_PICTURE_ID, -1);
    const lastPictureId = place.word(StreamWord.LAST_PICTURE_ID);
    if (packet.pictureId >= 0 && lastPictureId >= 0) {
      place.setWord(StreamWord.PICTURE_ID_OFFSET, lastPictureId + 1 - packet.pictureId);
    }
    const lastTl0 = place.word(StreamWord.LAST_TL0);
    if (packet.tl0PictureIndex >= 0 && lastTl0 >= 0) {
      place.setWord(StreamWord.TL0_OFFSET, lastTl0 + 1 - packet.tl0PictureIndex);
    }
  }

  /** Sends nothing more of the current source. */
  end(): void {
    this.#place.flag(StreamFlag.FRESH, true);
  }

  /** Whether the packet is newer than all mapped or dropped so far. */
  isNewest(packet: IncomingPacket): boolean {
    return packet.extSeq > this.#place.double(StreamDouble.HIGHEST_IN);
  }

  /**
   * Outgoing extended number of a packet of the current source; -1 where it is older than the first that was sent, or
   * than what is remembered. Sets `pictureId` and `tl0PictureIndex`.
   */
  map(packet: IncomingPacket): number {
    return this.#map(packet, packet.pictureId >= 0);
  }

  /** The number that a late packet would have, for padding that takes its place; -1 as for `map`. */
  mapFiller(packet: IncomingPacket): number {
    return this.#map(packet, false);
  }

  /** Whether other packets of a late packet's frame were left out: the receiver must see none of it. */
  isLeftOut(packet: IncomingPacket): boolean {
    const found = this.#found;
    this.#readPresent(found);
    if (packet.extSeq < found.startIn && this.#segments?.findIncoming(packet.extSeq, found) !== true) return false;
    return leavesOut(found, packet.pictureId);
  }

  /**
   * Leaves a packet out as if its sender had never sent it. False where that is not possible any more (it is late, its
   * number is taken): it can be mapped then, or stays a gap.
   */
  drop(packet: IncomingPacket): boolean {
    const place = this.#place;
    const extSeq = packet.extSeq;
    if (extSeq <= place.double(StreamDouble.HIGHEST_IN)) return false;
    // Where layers refer to each other by distances of ids, these stay.
    const pictureId = packet.layering === Layering.NONE ? packet.pictureId : -1;
    this.#closeSegment(extSeq, pictureId);
    place.setDouble(StreamDouble.HIGHEST_IN, extSeq);
    place.setDouble(StreamDouble.SEGMENT_START, extSeq + 1);
    place.setDouble(StreamDouble.SEQUENCE_OFFSET, place.double(StreamDouble.SEQUENCE_OFFSET) - 1);
    this.#leavePictureOut(pictureId);
    return true;
  }

  /** What offsets a number was given by, which has been sent; undefined where that is forgotten. Valid until the next call. */
  segmentOf(number: number): Readonly<RewriteSegment> | undefined {
    if (number < 0 || number > this.highestOut || this.#place.word(StreamWord.SOURCE_KEY) < 0) return undefined;
    const found = this.#found;
    this.#readPresent(found);
    if (number >= found.startIn + found.sequenceOffset) return found;
    return this.#segments?.findOutgoing(number, found) === true ? found : undefined;
  }

  #leavePictureOut(pictureId: number): void {
    const place = this.#place;
    const last = place.word(StreamWord.LEFT_OUT_PICTURE_ID);
    place.setWord(StreamWord.LEFT_OUT_PICTURE_ID, pictureId);
    if (pictureId < 0 || pictureId === last) return;
    place.setWord(StreamWord.PICTURE_ID_OFFSET, place.word(StreamWord.PICTURE_ID_OFFSET) - 1);
  }

  /** The present offsets hold no longer, from incoming number `end` on, which is left out where it has a picture id. */
  #closeSegment(end: number, leftOutPictureId: number): void {
    const found = this.#found;
    this.#readPresent(found);
    if (found.startIn === end) return;
    found.leftOutBehind = leftOutPictureId;
    this.#segments ??= new RewriteSegments();
    this.#segments.push(found);
  }

  #readPresent(segment: RewriteSegment): void {
    const place = this.#place;
    segment.sourceKey = place.word(StreamWord.SOURCE_KEY);
    segment.startIn = place.double(StreamDouble.SEGMENT_START);
    segment.sequenceOffset = place.double(StreamDouble.SEQUENCE_OFFSET);
    segment.timestampOffset = place.word(StreamWord.TIMESTAMP_OFFSET);
    segment.pictureIdOffset = place.word(StreamWord.PICTURE_ID_OFFSET);
    segment.tl0Offset = place.word(StreamWord.TL0_OFFSET);
    segment.leftOutBefore = place.word(StreamWord.LEFT_OUT_PICTURE_ID);
    segment.leftOutBehind = -1;
  }

  #map(packet: IncomingPacket, hasPicture: boolean): number {
    const place = this.#place;
    const extSeq = packet.extSeq;
    const found = this.#found;
    this.#readPresent(found);
    if (extSeq > place.double(StreamDouble.HIGHEST_IN)) {
      place.setDouble(StreamDouble.HIGHEST_IN, extSeq);
      place.setDouble(StreamDouble.LAST_ARRIVAL_US, packet.arrivalUs);
      place.setWord(StreamWord.LAST_TIMESTAMP, packet.timestamp + found.timestampOffset);
    } else {
      if (extSeq < place.double(StreamDouble.START_IN)) return -1;
      if (extSeq < found.startIn && this.#segments?.findIncoming(extSeq, found) !== true) return -1;
    }
    const out = extSeq + found.sequenceOffset;
    const newest = out > this.highestOut;
    if (newest) place.setDouble(StreamDouble.HIGHEST_OUT, out);
    this.#mapPicture(packet, hasPicture, found.pictureIdOffset, newest);
    return out;
  }

  #mapPicture(packet: IncomingPacket, hasPicture: boolean, pictureIdOffset: number, newest: boolean): void {
    const place = this.#place;
    const mask = packet.layering >= Layering.DEPENDENCY ? FRAME_NUMBER_MASK : PICTURE_ID_MASK;
    this.pictureId = hasPicture ? (packet.pictureId + pictureIdOffset) & mask : -1;
    if (!hasPicture) return;
    // Also where a number above is known to be padding: what comes next must lie behind every picture that was sent.
    const ahead = (this.pictureId - place.word(StreamWord.LAST_PICTURE_ID)) & mask;
    const last = newest || (ahead > 0 && ahead <= mask >>> 1);
    if (last) place.setWord(StreamWord.LAST_PICTURE_ID, this.pictureId);
    if (packet.tl0PictureIndex < 0) return;
    this.tl0PictureIndex = (packet.tl0PictureIndex + place.word(StreamWord.TL0_OFFSET)) & 0xff;
    if (last) place.setWord(StreamWord.LAST_TL0, this.tl0PictureIndex);
  }
}
