import type { Page } from "playwright-core";

/** What one tile of somebody else showed while it was watched. */
export interface TileMeasurement {
  readonly name: string;
  /** Size of the decoded picture. */
  readonly width: number;
  readonly height: number;
  /** Frames that the decoder put out, a second (w3c webrtc-stats `framesDecoded`). */
  readonly decodedFps: number;
  /** Frames that were given to the screen, a second. */
  readonly shownFps: number;
  /** How often the picture differed from the one looked at before, of how often it was looked at. */
  readonly changes: number;
  readonly looks: number;
  /** Frames lost for good, and times the picture stood still. */
  readonly freezes: number;
}

/** What somebody else sounded like. */
export interface SoundMeasurement {
  /** Loudest moment at the fake microphone's tone, in dB of full scale. */
  readonly toneDb: number;
  /** Loudest moment at a frequency where neither the tone nor its harmonics are. */
  readonly besideToneDb: number;
}

export interface PageMeasurement {
  readonly tiles: readonly TileMeasurement[];
  readonly sounds: readonly SoundMeasurement[];
}

/** Chromium's fake microphone beeps twice a second with a square wave of this frequency (media/audio/simple_sources). */
const FAKE_TONE_HZ = 400;
/** Between the first and the third harmonic of a square wave. */
const BESIDE_TONE_HZ = 800;

/** Remembers every peer connection of the page, so that its statistics can be read. Runs in the page, before its own code. */
function installProbe(): void {
  const connections: RTCPeerConnection[] = [];
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      connections.push(this);
    }
  };
  Object.assign(globalThis, { probedConnections: connections });
}

/** Prepares a page for measuring. Called before it is opened. */
export async function probePage(page: Page): Promise<void> {
  await page.addInitScript(installProbe);
}

/** Watches and listens to everybody else on a page. */
export function measurePage(page: Page, durationMs: number): Promise<PageMeasurement> {
  return page.evaluate(measureInPage, { durationMs, toneHz: FAKE_TONE_HZ, besideHz: BESIDE_TONE_HZ });
}

/** Size and frames of what the page sends of its camera: the largest encoding. */
export function measureSent(page: Page): Promise<{ width: number; height: number; frames: number }> {
  return page.evaluate(async () => {
    const { probedConnections } = globalThis as unknown as { probedConnections: RTCPeerConnection[] };
    let largest = { width: 0, height: 0, frames: 0 };
    for (const connection of probedConnections) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== "outbound-rtp" || report.kind !== "video") continue;
        const { frameWidth = 0, frameHeight = 0, framesEncoded = 0 } = report;
        if (frameWidth > largest.width) largest = { width: frameWidth, height: frameHeight, frames: framesEncoded };
      }
    }
    return largest;
  });
}

interface MeasureArguments {
  readonly durationMs: number;
  readonly toneHz: number;
  readonly besideHz: number;
}

/** Runs in the page and uses nothing from outside of itself. */
async function measureInPage({ durationMs, toneHz, besideHz }: MeasureArguments): Promise<PageMeasurement> {
  const { probedConnections } = globalThis as unknown as { probedConnections: RTCPeerConnection[] };
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  interface Inbound {
    readonly framesDecoded: number;
    readonly freezeCount: number;
  }

  async function readInbound(): Promise<Map<string, Inbound>> {
    const inbound = new Map<string, Inbound>();
    for (const connection of probedConnections) {
      if (connection.connectionState === "closed") continue;
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== "inbound-rtp" || report.kind !== "video") continue;
        inbound.set(report.trackIdentifier, {
          framesDecoded: report.framesDecoded ?? 0,
          freezeCount: report.freezeCount ?? 0,
        });
      }
    }
    return inbound;
  }

  function trackIdOf(video: HTMLVideoElement): string {
    return (video.srcObject as MediaStream | null)?.getVideoTracks()[0]?.id ?? "";
  }

  /** A few bytes that differ when the picture does. */
  function lookAt(video: HTMLVideoElement, context: CanvasRenderingContext2D): string {
    if (video.videoWidth === 0) return "";
    context.drawImage(video, 0, 0, 32, 18);
    return context.getImageData(0, 0, 32, 18).data.join();
  }

  function listenTo(track: MediaStreamTrack): { sample(): void; result(): SoundMeasurement; close(): void } {
    const audio = new AudioContext();
    const analyser = audio.createAnalyser();
    analyser.fftSize = 4096;
    analyser.smoothingTimeConstant = 0;
    audio.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const bins = new Float32Array(analyser.frequencyBinCount);
    const hzPerBin = audio.sampleRate / analyser.fftSize;
    const loudest = { toneDb: -200, besideToneDb: -200 };
    const near = (hz: number): number => {
      const bin = Math.round(hz / hzPerBin);
      return Math.max(...bins.slice(bin - 2, bin + 3));
    };
    return {
      sample() {
        analyser.getFloatFrequencyData(bins);
        loudest.toneDb = Math.max(loudest.toneDb, near(toneHz));
        loudest.besideToneDb = Math.max(loudest.besideToneDb, near(besideHz));
      },
      result: () => loudest,
      close: () => void audio.close(),
    };
  }

  const canvas = document.createElement("canvas");
  canvas.width = 32;
  canvas.height = 18;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const videos = [...document.querySelectorAll<HTMLElement>('[data-testid="tile"][data-self="false"]')].map((tile) => ({
    tile,
    video: tile.querySelector("video"),
    picture: "",
    changes: 0,
    looks: 0,
    shownBefore: tile.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
  }));
  const listeners = [...document.querySelectorAll("audio")]
    .flatMap((audio) => (audio.srcObject as MediaStream | null)?.getAudioTracks() ?? [])
    .map(listenTo);

  const before = await readInbound();
  const startedAtMs = performance.now();
  let nextLookMs = startedAtMs;
  while (performance.now() - startedAtMs < durationMs) {
    for (const listener of listeners) listener.sample();
    if (performance.now() >= nextLookMs) {
      nextLookMs += 250;
      for (const seen of videos) {
        if (seen.video === null) continue;
        const picture = lookAt(seen.video, context);
        seen.looks += 1;
        if (picture !== seen.picture) seen.changes += 1;
        seen.picture = picture;
      }
    }
    await sleep(30);
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  const after = await readInbound();
  const round = (value: number): number => Math.round(value * 10) / 10;
  for (const listener of listeners) listener.close();

  return {
    tiles: videos.map(({ tile, video, changes, looks, shownBefore }) => {
      const first = video === null ? undefined : before.get(trackIdOf(video));
      const last = video === null ? undefined : after.get(trackIdOf(video));
      const shown = (video?.getVideoPlaybackQuality().totalVideoFrames ?? 0) - shownBefore;
      return {
        name: tile.dataset["name"] ?? "",
        width: video?.videoWidth ?? 0,
        height: video?.videoHeight ?? 0,
        decodedFps: round(((last?.framesDecoded ?? 0) - (first?.framesDecoded ?? 0)) / seconds),
        shownFps: round(shown / seconds),
        changes,
        looks,
        freezes: (last?.freezeCount ?? 0) - (first?.freezeCount ?? 0),
      };
    }),
    sounds: listeners.map((listener) => listener.result()),
  };
}
