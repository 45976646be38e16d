import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readOggOpus, readVp8Ivf } from "./media-files.ts";
import type { VideoFrame } from "./media-files.ts";
import { OpusSource } from "./opus-source.ts";
import { Vp8Source } from "./vp8-source.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");
const FRAMES_PER_SECOND = 20;

/** The recorded media that all bots of a process play. */
export class BotMedia {
  readonly #video: readonly VideoFrame[];
  readonly #audio: readonly Uint8Array[];

  constructor() {
    this.#video = readVp8Ivf(readFileSync(join(FIXTURES, "bot-video.ivf")));
    this.#audio = readOggOpus(readFileSync(join(FIXTURES, "bot-audio.ogg")));
  }

  /** `phase` tells where to begin, so that bots do not move in step. */
  openVideo(phase: number): Vp8Source {
    return new Vp8Source(this.#video, FRAMES_PER_SECOND, phase);
  }

  openAudio(phase: number): OpusSource {
    return new OpusSource(this.#audio, phase);
  }
}
