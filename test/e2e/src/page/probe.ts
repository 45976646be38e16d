import type {
  MeasureOptions,
  PageMeasurement,
  Probe,
  ReceivedMedia,
  SentVideo,
  SoundMeasurement,
} from "./measurements.ts";

// Runs in a page, before its own code, with nothing but types from outside of itself.

const LOOK_INTERVAL_MS = 250;
const LISTEN_INTERVAL_MS = 30;
const POLL_INTERVAL_MS = 10;
const LOOK_WIDTH = 32;
const LOOK_HEIGHT = 18;

const connections: RTCPeerConnection[] = [];
const NativePeerConnection = globalThis.RTCPeerConnection;
globalThis.RTCPeerConnection = class extends NativePeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    connections.push(this);
  }
};

async function readStats(
  type: "inbound-rtp" | "outbound-rtp",
  kind: "audio" | "video" = "video",
): Promise<Record<string, unknown>[]> {
  const open = connections.filter((connection) => connection.connectionState !== "closed");
  const reports = await Promise.all(open.map((connection) => connection.getStats()));
  return reports.flatMap((report) => [...report.values()]).filter((one) => one.type === type && one.kind === kind);
}

async function received(): Promise<ReceivedMedia> {
  const sum = (stats: Record<string, unknown>[], name: string): number =>
    stats.reduce((total, one) => total + Number(one[name] ?? 0), 0);
  const [videos, audios] = await Promise.all([readStats("inbound-rtp", "video"), readStats("inbound-rtp", "audio")]);
  return {
    framesDecoded: sum(videos, "framesDecoded"),
    height: Math.max(0, ...videos.map(({ frameHeight }) => Number(frameHeight ?? 0))),
    totalSamples: sum(audios, "totalSamplesReceived"),
    concealedSamples: sum(audios, "concealedSamples"),
  };
}

/** The tile of somebody else, watched. */
class WatchedTile {
  readonly #tile: HTMLElement;
  readonly #video: HTMLVideoElement | null;
  readonly #canvas = new OffscreenCanvas(LOOK_WIDTH, LOOK_HEIGHT).getContext("2d", { willReadFrequently: true })!;
  readonly #shownBefore: number;
  #picture = "";
  #changes = 0;
  #looks = 0;

  constructor(tile: HTMLElement) {
    this.#tile = tile;
    this.#video = tile.querySelector("video");
    this.#shownBefore = this.#countShown();
  }

  get mediaTrackId(): string {
    return (this.#video?.srcObject as MediaStream | null)?.getVideoTracks()[0]?.id ?? "";
  }

  look(): void {
    this.#looks += 1;
    if (this.#video === null || this.#video.videoWidth === 0) return;
    this.#canvas.drawImage(this.#video, 0, 0, LOOK_WIDTH, LOOK_HEIGHT);
    const picture = this.#canvas.getImageData(0, 0, LOOK_WIDTH, LOOK_HEIGHT).data.join();
    if (picture !== this.#picture) this.#changes += 1;
    this.#picture = picture;
  }

  result(decoded: number, freezes: number, seconds: number): PageMeasurement["tiles"][number] {
    return {
      name: this.#tile.dataset["name"] ?? "",
      width: this.#video?.videoWidth ?? 0,
      height: this.#video?.videoHeight ?? 0,
      decodedFps: oneDecimal(decoded / seconds),
      shownFps: oneDecimal((this.#countShown() - this.#shownBefore) / seconds),
      changes: this.#changes,
      looks: this.#looks,
      freezes,
    };
  }

  #countShown(): number {
    return this.#video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
  }
}

/** The sound of somebody else, listened to. */
class HeardTrack {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #bins: Float32Array<ArrayBuffer>;
  readonly #options: MeasureOptions;
  #toneDb = -200;
  #besideToneDb = -200;

  constructor(track: MediaStreamTrack, options: MeasureOptions) {
    this.#options = options;
    this.#analyser.fftSize = 4096;
    this.#analyser.smoothingTimeConstant = 0;
    this.#bins = new Float32Array(this.#analyser.frequencyBinCount);
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(this.#analyser);
  }

  listen(): void {
    this.#analyser.getFloatFrequencyData(this.#bins);
    this.#toneDb = Math.max(this.#toneDb, this.#loudnessAt(this.#options.toneHz));
    this.#besideToneDb = Math.max(this.#besideToneDb, this.#loudnessAt(this.#options.besideHz));
  }

  result(): SoundMeasurement {
    void this.#context.close();
    return { toneDb: oneDecimal(this.#toneDb), besideToneDb: oneDecimal(this.#besideToneDb) };
  }

  #loudnessAt(hz: number): number {
    const bin = Math.round((hz * this.#analyser.fftSize) / this.#context.sampleRate);
    return Math.max(...this.#bins.slice(bin - 2, bin + 3));
  }
}

function oneDecimal(value: number): number {
  return Math.round(value * 10) / 10;
}

/** By received track: frames decoded, and times that it froze, since the page was opened. */
async function readInbound(): Promise<Map<string, { decoded: number; freezes: number }>> {
  const inbound = new Map<string, { decoded: number; freezes: number }>();
  for (const { trackIdentifier, framesDecoded, freezeCount } of await readStats("inbound-rtp")) {
    inbound.set(String(trackIdentifier), { decoded: Number(framesDecoded ?? 0), freezes: Number(freezeCount ?? 0) });
  }
  return inbound;
}

async function measure(options: MeasureOptions): Promise<PageMeasurement> {
  const tiles = [...document.querySelectorAll<HTMLElement>('[data-testid="tile"][data-self="false"]')].map(
    (tile) => new WatchedTile(tile),
  );
  const tracks = [...document.querySelectorAll("audio")]
    .flatMap((audio) => (audio.srcObject as MediaStream | null)?.getAudioTracks() ?? [])
    .map((track) => new HeardTrack(track, options));

  const before = await readInbound();
  const startedAtMs = performance.now();
  let nextLookMs = startedAtMs;
  while (performance.now() - startedAtMs < options.durationMs) {
    for (const track of tracks) track.listen();
    if (performance.now() >= nextLookMs) {
      nextLookMs += LOOK_INTERVAL_MS;
      for (const tile of tiles) tile.look();
    }
    await new Promise((resolve) => setTimeout(resolve, LISTEN_INTERVAL_MS));
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  const after = await readInbound();
  const none = { decoded: 0, freezes: 0 };
  return {
    tiles: tiles.map((tile) => {
      const first = before.get(tile.mediaTrackId) ?? none;
      const last = after.get(tile.mediaTrackId) ?? none;
      return tile.result(last.decoded - first.decoded, last.freezes - first.freezes, seconds);
    }),
    sounds: tracks.map((track) => track.result()),
  };
}

async function measureSent(): Promise<SentVideo> {
  let largest: SentVideo = { width: 0, height: 0, frames: 0 };
  for (const { frameWidth, frameHeight, framesEncoded } of await readStats("outbound-rtp")) {
    const sent = {
      width: Number(frameWidth ?? 0),
      height: Number(frameHeight ?? 0),
      frames: Number(framesEncoded ?? 0),
    };
    if (sent.width > largest.width) largest = sent;
  }
  return largest;
}

async function receivedVideoCodecs(): Promise<string[]> {
  const codecs = new Set<string>();
  for (const connection of connections) {
    if (connection.connectionState === "closed") continue;
    const report = await connection.getStats();
    for (const one of report.values()) {
      if (one.type !== "inbound-rtp" || one.kind !== "video" || !one.codecId) continue;
      codecs.add(String(report.get(one.codecId)?.mimeType));
    }
  }
  return [...codecs];
}

function iceUfrags(): string[] {
  return connections
    .filter((connection) => connection.connectionState !== "closed")
    .flatMap(({ localDescription, remoteDescription }) => [localDescription?.sdp ?? "", remoteDescription?.sdp ?? ""])
    .map((sdp) => /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? "");
}

function seesPicture(selector: string): boolean {
  const video = document.querySelector(selector)?.querySelector("video");
  return video !== null && video !== undefined && video.videoWidth > 0 && video.currentTime > 0;
}

async function waitForPicture(selector: string, timeoutMs: number): Promise<number | undefined> {
  const startedAtMs = performance.now();
  while (!seesPicture(selector)) {
    if (performance.now() - startedAtMs > timeoutMs) return undefined;
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
  return performance.now() - startedAtMs;
}

Object.assign(globalThis, {
  probe: { measure, measureSent, received, receivedVideoCodecs, iceUfrags, waitForPicture } satisfies Probe,
});
