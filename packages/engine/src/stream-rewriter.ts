import type { IncomingPacket } from "./incoming-packet.ts";
import { RewriteSegments } from "./rewrite-segments.ts";

/** Frames left out that are remembered, a power of two: late packets of older ones stay gaps. */
const DROPPED_MEMORY = 16;
const DROPPED_MASK = DROPPED_MEMORY - 1;
const PICTURE_ID_MASK = 0x7fff;

/**
 * Makes one continuous stream out of packets of changing sources: sequence numbers, timestamps and VP8 picture ids go on
 * without a step where the source changes or packets are left out on purpose, and keep their gaps where the network lost
 * something, so that the receiver sees real loss and nothing else.
 *
 * Outgoing numbers are extended (cycles counted from 0): their upper part is the SRTP rollover counter.
 */
export class StreamRewriter {
  /** Source (and epoch of it) whose packets are mapped now; -1 for none. */
  sourceKey = -1;
  /** Highest extended number sent; -1 before the first. */
  highestOut: number;
  /** Outgoing minus incoming RTP timestamp of the current source, int32. */
  timestampOffset = 0;
  /** Timestamp of the newest packet sent, int32. */
  lastTimestamp = 0;
  /** When the newest packet sent arrived, MonoUs. */
  lastArrivalUs = -1;

  /** Of `map`: what to write into the payload descriptor; -1 where there is none. */
  pictureId = -1;
  tl0PictureIndex = -1;

  #sequenceOffset = 0;
  #pictureIdOffset = 0;
  #tl0Offset = 0;
  #startIn = 0;
  #highestIn = -1;
  #segmentStart = 0;
  #lastPictureId = -1;
  #lastTl0PictureIndex = -1;
  /** Picture ids that were taken out, newest last; a ring. */
  #droppedPictureIds: Int32Array | null = null;
  #droppedCount = 0;
  #segments: RewriteSegments | null = null;

  /** `nextOut` is the first extended number to use. */
  constructor(nextOut: number) {
    this.highestOut = nextOut - 1;
  }

  /**
   * Goes over to the source of `packet`, which is the first that will be sent of it, with its timestamps moved by
   * `timestampOffset`. `nextOut` is the number that it gets.
   */
  begin(packet: IncomingPacket, nextOut: number, timestampOffset: number): void {
    this.sourceKey = packet.sourceKey;
    this.timestampOffset = timestampOffset | 0;
    this.#sequenceOffset = nextOut - packet.extSeq;
    this.#startIn = packet.extSeq;
    this.#segmentStart = packet.extSeq;
    this.#highestIn = packet.extSeq - 1;
    this.#droppedCount = 0;
    this.#segments?.clear();
    if (packet.pictureId >= 0 && this.#lastPictureId >= 0) {
      this.#pictureIdOffset = this.#lastPictureId + 1 - packet.pictureId;
    }
    if (packet.tl0PictureIndex >= 0 && this.#lastTl0PictureIndex >= 0) {
      this.#tl0Offset = this.#lastTl0PictureIndex + 1 - packet.tl0PictureIndex;
    }
  }

  /** Sends nothing more of the current source. */
  end(): void {
    this.sourceKey = -1;
  }

  /** Whether the packet is newer than all mapped or dropped so far. */
  isNewest(packet: IncomingPacket): boolean {
    return packet.extSeq > this.#highestIn;
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

  /** Whether packets of the same frame were left out: the receiver must see none of it. */
  isLeftOut(packet: IncomingPacket): boolean {
    const ids = this.#droppedPictureIds;
    if (ids === null || packet.pictureId < 0) return false;
    const oldest = Math.max(0, this.#droppedCount - DROPPED_MEMORY);
    for (let n = this.#droppedCount - 1; n >= oldest; n--) {
      if (ids[n & DROPPED_MASK] === packet.pictureId) return true;
    }
    return false;
  }

  /**
   * Leaves a packet out as if its sender had never sent it. False where that is not possible any more (it is late, its
   * number is taken): it can be mapped then, or stays a gap.
   */
  drop(packet: IncomingPacket): boolean {
    const extSeq = packet.extSeq;
    if (extSeq <= this.#highestIn) return false;
    this.#segments ??= new RewriteSegments();
    if (this.#segmentStart === this.#startIn) {
      this.#segments.push(this.#startIn, this.#sequenceOffset, this.#pictureIdOffset);
    }
    this.#highestIn = extSeq;
    this.#sequenceOffset--;
    if (packet.pictureId >= 0) this.#dropPicture(packet.pictureId);
    this.#segmentStart = extSeq + 1;
    this.#segments.push(extSeq + 1, this.#sequenceOffset, this.#pictureIdOffset);
    return true;
  }

  #dropPicture(pictureId: number): void {
    this.#droppedPictureIds ??= new Int32Array(DROPPED_MEMORY);
    const ids = this.#droppedPictureIds;
    if (this.#droppedCount > 0 && ids[(this.#droppedCount - 1) & DROPPED_MASK] === pictureId) return;
    ids[this.#droppedCount++ & DROPPED_MASK] = pictureId;
    this.#pictureIdOffset--;
  }

  #map(packet: IncomingPacket, hasPicture: boolean): number {
    const extSeq = packet.extSeq;
    let sequenceOffset = this.#sequenceOffset;
    let pictureIdOffset = this.#pictureIdOffset;
    if (extSeq > this.#highestIn) {
      this.#highestIn = extSeq;
      this.lastTimestamp = (packet.timestamp + this.timestampOffset) | 0;
      this.lastArrivalUs = packet.arrivalUs;
    } else {
      if (extSeq < this.#startIn) return -1;
      if (extSeq < this.#segmentStart) {
        const segment = this.#segments === null ? -1 : this.#segments.find(extSeq);
        if (segment < 0 || this.#segments === null) return -1;
        sequenceOffset = this.#segments.sequenceOffsetOf(segment);
        pictureIdOffset = this.#segments.pictureIdOffsetOf(segment);
      }
    }
    const out = extSeq + sequenceOffset;
    const newest = out > this.highestOut;
    if (newest) this.highestOut = out;
    if (hasPicture) {
      this.pictureId = (packet.pictureId + pictureIdOffset) & PICTURE_ID_MASK;
      if (newest) this.#lastPictureId = this.pictureId;
      if (packet.tl0PictureIndex >= 0) {
        this.tl0PictureIndex = (packet.tl0PictureIndex + this.#tl0Offset) & 0xff;
        if (newest) this.#lastTl0PictureIndex = this.tl0PictureIndex;
      }
    } else {
      this.pictureId = -1;
    }
    return out;
  }
}
