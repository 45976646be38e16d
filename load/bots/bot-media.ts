import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readOggOpus, readVp8Ivf } from "./media-files.ts";
import type { VideoFrame } from "./media-files.ts";
import { OpusSource } from "./opus-source.ts";
import { Vp8Source } from "./vp8-source.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");
const FRAMES_PER_SECOND = 20;

/** The recorded pictures, and how high they are. */
export const VIDEO_HEIGHTS = { low: 90, mid: 180, high: 360 } as const;
export type VideoSize = keyof typeof VIDEO_HEIGHTS;

/** How a bot sends a picture. */
export interface VideoEncoding {
  readonly size: VideoSize;
  /** Filled up to this; 0 for what the recording has (about 50, 100 and 300 kb/s). */
  readonly bitrateBps: number;
}

/** The recorded media that all bots of a process play. */
export class BotMedia {
  readonly #video: Readonly<Record<VideoSize, readonly VideoFrame[]>>;
  readonly #audio: readonly Uint8Array[];

  constructor() {
    const read = (name: string): VideoFrame[] => readVp8Ivf(readFileSync(join(FIXTURES, name)));
    this.#video = {
      low: read("bot-video-low.ivf"),
      mid: read("bot-video.ivf"),
      high: read("bot-video-high.ivf"),
    };
    this.#audio = readOggOpus(readFileSync(join(FIXTURES, "bot-audio.ogg")));
  }

  /** `phase` tells where to begin, so that bots do not move in step. */
  openVideo(phase: number, { size, bitrateBps }: VideoEncoding = { size: "mid", bitrateBps: 0 }): Vp8Source {
    return new Vp8Source({ frames: this.#video[size], framesPerSecond: FRAMES_PER_SECOND, phase, bitrateBps });
  }

  openAudio(phase: number): OpusSource {
    return new OpusSource(this.#audio, phase);
  }
}
