import { DependencyDescriptor } from "@cation/rtp/payload/dependency-descriptor";
import { DependencyStructure } from "@cation/rtp/payload/dependency-structure";
import { Vp9Payload } from "@cation/rtp/payload/vp9";
import { delta8, pictureIdDelta, seqDelta, timestampDelta } from "@cation/rtp/sequence";
import type { DecodedFrame, FrameDecoder } from "./decoder-model.ts";
import type { FrameTruth } from "./frame-payload.ts";
import type { HeldPacket } from "./loss-recovery.ts";
import { readAv1Truth, readVp9Truth } from "./svc-payload.ts";
import { ENCODINGS_APART } from "./svc-source.ts";

const REMEMBERED_FRAMES = 128;

/** A spatial layer of a picture, being put together. */
interface Frame {
  readonly truth: FrameTruth;
  readonly temporalId: number;
  nextPacket: number;
  broken: boolean;
}

/** What its headers say that must go on from picture to picture. */
interface Labels {
  /** VP9 picture id or the frame number of the dependency descriptor. */
  readonly id: number;
  /** VP9 in non-flexible mode; -1 otherwise. */
  readonly tl0PictureIndex: number;
  readonly temporalId: number;
}

/**
 * A reference decoder of simulated VP9 and AV1 with layers: puts pictures together from the frames of their spatial
 * layers, knows from their truth what each of them needs, and checks what the headers say: ids that go on without a step
 * from source to source and keep their distances within one, one marker at the end of each picture and none before, and
 * descriptors that name the true references.
 */
export class SvcDecoderModel implements FrameDecoder {
  decoded = 0;
  keyframes = 0;
  undecodable = 0;
  truncated = 0;
  readonly violations: string[] = [];
  strictKeyframes = true;
  broken = true;
  lastDecoded: DecodedFrame | undefined;
  /** Frames that no decode target needs which the descriptors call active: explained by a lost structure only. */
  unwanted = 0;

  readonly #codec: "VP9" | "AV1";
  readonly #vp9 = new Vp9Payload();
  readonly #descriptor = new DependencyDescriptor();
  readonly #structure = new DependencyStructure();
  readonly #decodedFrames = new Set<string>();
  #frame: Frame | undefined;
  /** Best frame of the present picture. */
  #picture: DecodedFrame | undefined;
  #pictureOpen = false;
  #timestamp: number | undefined;
  #gap = false;
  #expectedExtSeq = -1;
  #lastLabels: Labels | undefined;
  /** Encoding whose ids are compared, and what ids and truth differ by. */
  #encoding = -1;
  #idOffset = 0;
  #activeTargets = -1;

  constructor(codec: "VP9" | "AV1") {
    this.#codec = codec;
  }

  push(packet: HeldPacket): DecodedFrame | undefined {
    if (this.#expectedExtSeq >= 0 && packet.extSeq !== this.#expectedExtSeq) this.#lost();
    this.#expectedExtSeq = packet.extSeq + 1;
    if (packet.payload.length === 0) return undefined;
    const truth = this.#read(packet);
    if (truth === undefined) return undefined;
    if (packet.timestamp !== this.#timestamp) this.#beginPicture(packet, truth);
    else if (!this.#pictureOpen && !this.#gap)
      this.violations.push(`more of a picture behind its marker at ${packet.extSeq}`);
    this.#pictureOpen = true;
    const labels = this.#labels(packet);
    if (this.#frame === undefined || this.#frame.truth.frameId !== truth.frameId) {
      this.#beginFrame(packet, truth, labels);
    }
    this.#continue(truth);
    return packet.marker ? this.#endPicture() : undefined;
  }

  #lost(): void {
    this.#gap = true;
    if (this.#frame !== undefined) this.#frame.broken = true;
  }

  #read(packet: HeldPacket): FrameTruth | undefined {
    const { payload } = packet;
    const vp9 = this.#codec === "VP9";
    if (vp9 && !this.#vp9.set(payload, 0, payload.length)) {
      this.violations.push(`payload of ${packet.extSeq} is no VP9`);
      return undefined;
    }
    const truth = vp9 ? readVp9Truth(payload, this.#vp9.descriptorBytes) : readAv1Truth(payload);
    if (truth === undefined) this.violations.push(`payload of ${packet.extSeq} is damaged`);
    return truth;
  }

  #beginPicture(packet: HeldPacket, truth: FrameTruth): void {
    if (this.#pictureOpen && !this.#gap) {
      // Only a keyframe of another source may cut a picture short.
      if (!truth.keyframe) this.violations.push(`picture at ${packet.extSeq} starts before the last one's marker`);
      this.truncated++;
    }
    if (this.#timestamp !== undefined && timestampDelta(packet.timestamp, this.#timestamp) <= 0) {
      this.violations.push(`timestamp goes back at ${packet.extSeq}`);
    }
    this.#timestamp = packet.timestamp;
    this.#picture = undefined;
    this.#frame = undefined;
  }

  #labels(packet: HeldPacket): Labels | undefined {
    if (this.#codec === "VP9") {
      const { pictureId, tl0PictureIndex, temporalId } = this.#vp9;
      return { id: pictureId, tl0PictureIndex, temporalId };
    }
    const bytes = packet.descriptor;
    if (bytes === undefined) return undefined;
    const descriptor = this.#descriptor;
    if (!descriptor.set(bytes, 0, bytes.length, this.#structure)) {
      // Its structure was in a packet that got lost.
      if (!this.#gap && !this.broken) this.violations.push(`descriptor of ${packet.extSeq} cannot be read`);
      return undefined;
    }
    if (descriptor.structurePresent) this.#structure.copyFrom(descriptor.attachedStructure);
    if (descriptor.activeDecodeTargets >= 0) this.#activeTargets = descriptor.activeDecodeTargets;
    return { id: descriptor.frameNumber, tl0PictureIndex: -1, temporalId: descriptor.temporalId };
  }

  #beginFrame(packet: HeldPacket, truth: FrameTruth, labels: Labels | undefined): void {
    if (this.#frame !== undefined && !this.#gap)
      this.violations.push(`frame at ${packet.extSeq} cuts another one short`);
    this.#frame = { truth, temporalId: labels?.temporalId ?? 0, nextPacket: 0, broken: false };
    if (labels !== undefined) {
      this.#checkIds(packet, truth, labels);
      if (this.#codec === "AV1") this.#checkDescriptor(packet, truth);
    }
    this.#gap = false;
  }

  #checkIds(packet: HeldPacket, truth: FrameTruth, labels: Labels): void {
    const encoding = Math.floor(truth.encoding / ENCODINGS_APART);
    const last = this.#lastLabels;
    this.#lastLabels = labels;
    const bits = this.#codec === "VP9" ? 15 : 16;
    const step =
      last === undefined ? 1 : bits === 15 ? pictureIdDelta(labels.id, last.id, 15) : seqDelta(labels.id, last.id);
    const samePicture = bits === 15 && truth.encoding % ENCODINGS_APART > 0 && step === 0;
    if (encoding !== this.#encoding) {
      this.#encoding = encoding;
      const sound = this.#gap || !this.strictKeyframes ? step >= 1 : step === 1;
      if (!sound && last !== undefined) this.violations.push(`id +${step} at a new source at ${packet.extSeq}`);
      if (bits === 16) this.#idOffset = (labels.id - truth.frameId) & 0xffff;
    } else if (bits === 16 && ((labels.id - truth.frameId) & 0xffff) !== this.#idOffset) {
      if (!truth.keyframe)
        this.violations.push(`frame number ${labels.id} of frame ${truth.frameId} at ${packet.extSeq}`);
      this.#idOffset = (labels.id - truth.frameId) & 0xffff;
    }
    if (step < 1 && !samePicture) this.violations.push(`id +${step} at ${packet.extSeq}`);
    this.#checkTl0(packet, labels, last, samePicture);
  }

  #checkTl0(packet: HeldPacket, labels: Labels, last: Labels | undefined, samePicture: boolean): void {
    if (labels.tl0PictureIndex < 0 || last === undefined || last.tl0PictureIndex < 0 || samePicture) return;
    const step = delta8(labels.tl0PictureIndex, last.tl0PictureIndex);
    const sound = this.#gap ? step >= 0 : step === (labels.temporalId === 0 ? 1 : 0);
    if (!sound) this.violations.push(`TL0PICIDX +${step} at ${packet.extSeq}`);
  }

  /** Its references are those of the truth, and a target that is said to be active needs it. */
  #checkDescriptor(packet: HeldPacket, truth: FrameTruth): void {
    const { fdiffs, fdiffCount, dtis } = this.#descriptor;
    const named = [...fdiffs.subarray(0, fdiffCount)].map((fdiff) => truth.frameId - fdiff).sort((a, b) => a - b);
    const real = [...truth.references].sort((a, b) => a - b);
    if (named.join(" ") !== real.join(" ")) this.violations.push(`references ${named.join(" ")} at ${packet.extSeq}`);
    let wanted = false;
    for (let target = 0; target < this.#structure.decodeTargetCount; target++) {
      if (((this.#activeTargets >>> target) & 1) !== 0 && dtis[target] !== 0) wanted = true;
    }
    if (!wanted) this.unwanted++;
  }

  #continue(truth: FrameTruth): void {
    const frame = this.#frame as Frame;
    if (truth.packetIndex !== frame.nextPacket) frame.broken = true;
    frame.nextPacket = truth.packetIndex + 1;
    if (truth.packetIndex + 1 !== truth.packetCount) return;
    this.#frame = undefined;
    if (frame.broken) this.broken = true;
    else this.#decode(frame);
  }

  #decode(frame: Frame): void {
    const { truth } = frame;
    const encoding = Math.floor(truth.encoding / ENCODINGS_APART);
    if (!truth.references.every((reference) => this.#decodedFrames.has(`${encoding}/${reference}`))) {
      this.undecodable++;
      this.broken = true;
      return;
    }
    if (truth.keyframe && truth.encoding % ENCODINGS_APART === 0) {
      this.#decodedFrames.clear();
      this.keyframes++;
    }
    this.#decodedFrames.add(`${encoding}/${truth.frameId}`);
    if (this.#decodedFrames.size > REMEMBERED_FRAMES) {
      for (const oldest of this.#decodedFrames) {
        this.#decodedFrames.delete(oldest);
        break;
      }
    }
    this.broken = false;
    this.#picture = { truth, timestamp: this.#timestamp ?? 0, temporalId: frame.temporalId };
  }

  #endPicture(): DecodedFrame | undefined {
    this.#pictureOpen = false;
    const picture = this.#picture;
    this.#picture = undefined;
    if (picture === undefined) return undefined;
    this.decoded++;
    this.lastDecoded = picture;
    return picture;
  }
}
