import { writeVideoPayload } from "./frame-payload.ts";
import type { FrameSource, SourcePacket } from "./frame-source.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** Size of one encoding's frames, in packets and bytes. */
export interface VideoShape {
  readonly packetsPerKeyframe: number;
  readonly packetsPerFrame: number;
  readonly packetBytes: number;
  /** 1 … 3. */
  readonly temporalLayers: number;
}

/** Temporal ids of successive frames, by number of layers, as libwebrtc's encoder sets them. */
const PATTERNS: readonly (readonly number[])[] = [[], [0], [0, 1], [0, 2, 1, 2]];

/** A VP8 encoder as far as the network sees it: frames, references, picture ids, temporal layers, keyframes on demand. */
export class VideoSource implements FrameSource {
  keyframes = 0;
  frames = 0;
  readonly #encoding: number;
  readonly #shape: VideoShape;
  #pictureId: number;
  #tl0PictureIndex: number;
  #frameId = 0;
  #patternIndex = 0;
  #keyframeWanted = true;
  /** Newest frame of each temporal layer. */
  readonly #newest: number[] = [];

  constructor(encoding: number, shape: VideoShape, random: SeededRandom) {
    this.#encoding = encoding;
    this.#shape = shape;
    this.#pictureId = random.nextBelow(0x8000);
    this.#tl0PictureIndex = random.nextBelow(256);
  }

  /** The next frame will be a keyframe. */
  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  /** Encodes one frame. */
  next(captureUs: number): SourcePacket[] {
    const keyframe = this.#keyframeWanted;
    this.#keyframeWanted = false;
    if (keyframe) {
      this.#patternIndex = 0;
      this.keyframes++;
    }
    const pattern = PATTERNS[this.#shape.temporalLayers];
    const temporalId = pattern[this.#patternIndex % pattern.length];
    const references = keyframe ? [] : this.#referencesOf(temporalId);
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    if (temporalId === 0) this.#tl0PictureIndex = (this.#tl0PictureIndex + 1) & 0xff;
    const packets = this.#packetize(keyframe, temporalId, references, captureUs);
    this.#newest[temporalId] = this.#frameId;
    if (temporalId === 0) this.#newest.length = 1;
    this.#frameId++;
    this.#patternIndex++;
    this.frames++;
    return packets;
  }

  /** The newest frame of its own and each lower layer since the last base frame; never one of a higher layer. */
  #referencesOf(temporalId: number): number[] {
    if (temporalId === 0) return [this.#newest[0]];
    const references: number[] = [];
    for (let layer = 0; layer < Math.min(temporalId, this.#newest.length); layer++) {
      if (this.#newest[layer] !== undefined) references.push(this.#newest[layer]);
    }
    return references;
  }

  #packetize(keyframe: boolean, temporalId: number, references: number[], captureUs: number): SourcePacket[] {
    const shape = this.#shape;
    const packetCount = keyframe ? shape.packetsPerKeyframe : shape.packetsPerFrame;
    const fields = {
      pictureId: this.#pictureId,
      tl0PictureIndex: this.#tl0PictureIndex,
      temporalId,
      // Refers to the base layer only.
      layerSync: temporalId > 0 && references.length === 1,
    };
    return Array.from({ length: packetCount }, (_, packetIndex) => {
      const frameId = this.#frameId;
      const truth = { encoding: this.#encoding, frameId, keyframe, packetIndex, packetCount, captureUs, references };
      return { payload: writeVideoPayload(truth, fields, shape.packetBytes), marker: packetIndex === packetCount - 1 };
    });
  }
}
