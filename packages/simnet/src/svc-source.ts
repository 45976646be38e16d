import { encodeDescriptor } from "@cation/rtp/fixtures/dependency-descriptor-arbitrary";
import type { PlainStructure, PlainTemplate } from "@cation/rtp/fixtures/dependency-descriptor-arbitrary";
import type { FrameTruth } from "./frame-payload.ts";
import type { FrameSource, SourcePacket } from "./frame-source.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { writeAv1Payload, writeVp9Payload } from "./svc-payload.ts";

/** How an encoder with several layers in one stream works. */
export interface SvcShape {
  readonly codec: "VP9" | "AV1";
  /** 1 … 3 each. */
  readonly spatialLayers: number;
  readonly temporalLayers: number;
  /** k-SVC: spatial layers refer to each other in keyframes only. */
  readonly keyOnly: boolean;
  /** VP9: references in each packet. */
  readonly flexible: boolean;
  /** The second frame of the top temporal layer refers to the first one too: one cannot go up between them. */
  readonly linkedTop: boolean;
  readonly packetBytes: number;
}

/** One spatial layer of a picture. */
interface Frame {
  readonly id: number;
  readonly picture: number;
  readonly spatialId: number;
  readonly temporalId: number;
  readonly keyframe: boolean;
  readonly references: readonly Frame[];
}

const PATTERNS: readonly (readonly number[])[] = [[], [0], [0, 1], [0, 2, 1, 2]];
/** Spatial layers of encoding e are e · 8 and up in the truth. */
export const ENCODINGS_APART = 8;
const NOT_PRESENT = 0;
const DISCARDABLE = 1;
const SWITCH = 2;
const REQUIRED = 3;

/** A VP9 or AV1 encoder with spatial and temporal layers in one stream, as the network sees it. */
export class SvcSource implements FrameSource {
  keyframes = 0;
  frames = 0;
  /** Spatial layers that are sent; fewer than the shape's where the encoder has stopped the upper ones. */
  spatialLayers: number;

  readonly #encoding: number;
  readonly #shape: SvcShape;
  #pictureId: number;
  #frameNumberBase: number;
  #tl0PictureIndex: number;
  #templateIdOffset: number;
  #picture = 0;
  #frameId = 0;
  #patternIndex = 0;
  #keyframeWanted = true;
  /** Newest frame of each layer, at [spatial][temporal]; and the first top one since the last of a lower layer. */
  #newest: (Frame | undefined)[][] = [];

  constructor(encoding: number, shape: SvcShape, random: SeededRandom) {
    this.#encoding = encoding;
    this.#shape = shape;
    this.spatialLayers = shape.spatialLayers;
    this.#pictureId = random.nextBelow(0x8000);
    this.#frameNumberBase = random.nextBelow(0x1_0000);
    this.#tl0PictureIndex = random.nextBelow(256);
    this.#templateIdOffset = random.nextBelow(64);
  }

  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  next(captureUs: number): SourcePacket[] {
    const keyframe = this.#keyframeWanted;
    this.#keyframeWanted = false;
    if (keyframe) {
      this.#patternIndex = 0;
      this.keyframes++;
      this.#templateIdOffset = (this.#templateIdOffset + this.#structure().templates.length) % 64;
    }
    const pattern = PATTERNS[this.#shape.temporalLayers];
    const temporalId = pattern[this.#patternIndex % pattern.length];
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    if (temporalId === 0) this.#tl0PictureIndex = (this.#tl0PictureIndex + 1) & 0xff;
    const packets: SourcePacket[] = [];
    let below: Frame | undefined;
    for (let spatialId = 0; spatialId < this.spatialLayers; spatialId++) {
      const frame = this.#encode(spatialId, temporalId, keyframe, below);
      packets.push(...this.#packetize(frame, captureUs));
      below = frame;
    }
    this.#picture++;
    this.#patternIndex++;
    this.frames++;
    return packets;
  }

  #encode(spatialId: number, temporalId: number, keyframe: boolean, below: Frame | undefined): Frame {
    const references: Frame[] = [];
    const newest = (this.#newest[spatialId] ??= []);
    if (keyframe) newest.length = 0;
    const usesBelow = below !== undefined && (keyframe || !this.#shape.keyOnly || newest[0] === undefined);
    if (usesBelow) references.push(below);
    if (!keyframe) references.push(...this.#earlier(newest, temporalId));
    const frame = { id: this.#frameId++, picture: this.#picture, spatialId, temporalId, keyframe, references };
    newest[temporalId] = frame;
    if (temporalId === 0) newest.length = 1;
    return frame;
  }

  /** Frames of the same spatial layer: the newest of a lower temporal layer, and with `linkedTop` the one of its own. */
  #earlier(newest: readonly (Frame | undefined)[], temporalId: number): Frame[] {
    const own = newest[temporalId];
    if (temporalId === 0) return own === undefined ? [] : [own];
    const lower = newest.slice(0, temporalId).findLast((frame) => frame !== undefined);
    const frames = lower === undefined ? [] : [lower];
    if (this.#shape.linkedTop && temporalId === 2 && own !== undefined) frames.push(own);
    return frames;
  }

  #packetize(frame: Frame, captureUs: number): SourcePacket[] {
    const packetCount = frame.spatialId + (frame.keyframe ? 2 : 1);
    return Array.from({ length: packetCount }, (_, packetIndex) => {
      const truth: FrameTruth = {
        encoding: this.#encoding * ENCODINGS_APART + frame.spatialId,
        frameId: frame.id,
        keyframe: frame.keyframe,
        packetIndex,
        packetCount,
        captureUs,
        references: frame.references.map(({ id }) => id),
      };
      const last = packetIndex === packetCount - 1;
      const marker = last && frame.spatialId === this.spatialLayers - 1;
      if (this.#shape.codec === "VP9") return { payload: this.#vp9(frame, truth), marker };
      const startsSequence = frame.keyframe && frame.spatialId === 0;
      return {
        payload: writeAv1Payload(truth, startsSequence, this.#shape.packetBytes),
        marker,
        descriptor: this.#descriptor(frame, truth),
      };
    });
  }

  #vp9(frame: Frame, truth: FrameTruth): Uint8Array {
    const { keyOnly, flexible, linkedTop, spatialLayers } = this.#shape;
    const earlier = frame.references.filter(({ picture }) => picture !== frame.picture);
    const top = frame.spatialId === this.spatialLayers - 1;
    return writeVp9Payload(
      truth,
      {
        pictureId: this.#pictureId,
        spatialId: frame.spatialId,
        temporalId: frame.temporalId,
        interPicturePredicted: earlier.length > 0,
        interLayerPredicted: earlier.length < frame.references.length,
        notReferenceForUpper: top || (keyOnly && !frame.keyframe),
        switchingUp: !linkedTop || frame.temporalId !== 1,
        startOfFrame: truth.packetIndex === 0,
        endOfFrame: truth.packetIndex === truth.packetCount - 1,
        references: flexible ? earlier.map(({ picture }) => frame.picture - picture) : undefined,
        tl0PictureIndex: this.#tl0PictureIndex,
        sizes:
          frame.keyframe && frame.spatialId === 0 && truth.packetIndex === 0
            ? Array.from({ length: Math.min(spatialLayers, this.spatialLayers) }, (_, s) => [320 << s, 180 << s])
            : undefined,
      },
      this.#shape.packetBytes,
    );
  }

  #descriptor(frame: Frame, truth: FrameTruth): Uint8Array {
    const structure = this.#structure();
    const wanted = (template: PlainTemplate, index: number): boolean =>
      template.spatialId === frame.spatialId &&
      template.temporalId === frame.temporalId &&
      (frame.keyframe ? index % (this.#shape.temporalLayers + 1) === 0 : index % (this.#shape.temporalLayers + 1) > 0);
    const structurePresent = frame.keyframe && frame.spatialId === 0 && truth.packetIndex === 0;
    const stopped = this.spatialLayers < this.#shape.spatialLayers;
    const active = 2 ** (this.spatialLayers * this.#shape.temporalLayers) - 1;
    return encodeDescriptor(
      {
        startOfFrame: truth.packetIndex === 0,
        endOfFrame: truth.packetIndex === truth.packetCount - 1,
        templateIndex: structure.templates.findIndex(wanted),
        frameNumber: (this.#frameNumberBase + frame.id) & 0xffff,
        structurePresent,
        mask: stopped ? active : null,
        dtis: null,
        fdiffs: frame.references.map(({ id }) => frame.id - id),
        chainFdiffs: null,
      },
      structure,
    );
  }

  /** For each spatial layer a template of keyframes, then one for each temporal layer. */
  #structure(): PlainStructure {
    const { spatialLayers, temporalLayers } = this.#shape;
    const templates: PlainTemplate[] = [];
    for (let spatialId = 0; spatialId < spatialLayers; spatialId++) {
      for (let i = 0; i <= temporalLayers; i++) {
        const temporalId = Math.max(0, i - 1);
        const dtis = Array.from({ length: spatialLayers * temporalLayers }, (_, target) =>
          this.#indication(spatialId, temporalId, i === 0, target),
        );
        templates.push({ spatialId, temporalId, dtis, fdiffs: [], chainFdiffs: [] });
      }
    }
    return {
      templateIdOffset: this.#templateIdOffset,
      decodeTargetCount: spatialLayers * temporalLayers,
      chainCount: 0,
      targetChains: [],
      templates,
      resolutions: Array.from({ length: spatialLayers }, (_, s) => [320 << s, 180 << s]),
    };
  }

  /** As libwebrtc's encoders set them (modules/video_coding/svc). */
  #indication(spatialId: number, temporalId: number, keyframe: boolean, target: number): number {
    const targetSpatialId = Math.floor(target / this.#shape.temporalLayers);
    const targetTemporalId = target % this.#shape.temporalLayers;
    if (targetSpatialId < spatialId || targetTemporalId < temporalId) return NOT_PRESENT;
    if (keyframe) return SWITCH;
    if (targetSpatialId > spatialId) return this.#shape.keyOnly ? NOT_PRESENT : REQUIRED;
    if (temporalId === 0) return SWITCH;
    if (targetTemporalId === temporalId) return DISCARDABLE;
    return this.#shape.linkedTop ? REQUIRED : SWITCH;
  }
}
