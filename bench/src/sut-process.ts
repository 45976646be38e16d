/**
 * Child process: the system under test. Engine and I/O backend as an sfu holds them, with publishers and subscribers whose
 * keys are given instead of shaken hands for. argv: SutOptions as JSON. Speaks IPC: sends SutReady, measures between
 * "begin" and "end", answers with SutResult.
 */
import { PerformanceObserver } from "node:perf_hooks";
import type { CodecParameters } from "@cation/engine/codec-parameters";
import { Engine } from "@cation/engine/engine";
import { NO_HEADER_EXTENSIONS, type HeaderExtensionIds } from "@cation/engine/header-extensions";
import type { TrackId, TransportHandle } from "@cation/engine/ids";
import type { PacketSink } from "@cation/engine/packet-sink";
import { SEND_RECORD_BYTES, SendBatch } from "@cation/engine/send-batch";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import { RECEIVE_RECORD_BYTES } from "@cation/engine/receive-batch";
import { openMediaIo, type MediaIoBackend } from "@cation/media-io/open-media-io";
import type { MediaIo } from "@cation/media-io/media-io";
import { WebRtcServer } from "@cation/webrtc/webrtc-server";
import type { DtlsProvider } from "@cation/webrtc/dtls";
import { DelayHistogram } from "./delay-histogram.ts";
import { serverKeys } from "./keys.ts";

export interface SutOptions {
  backend: MediaIoBackend;
  senderThreads: number;
  publishers: number;
  firstPublisherPort: number;
  /** Simulcast encodings of each publisher. */
  encodings: number;
  firstSubscriberPort: number;
  subscribers: number;
  /** Transports of subscribers answer STUN, and take feedback. */
  feedback: boolean;
  /** Note the delay of each packet: costs a little, so CPU is measured in another run. */
  measureDelay: boolean;
  kind: "audio" | "video";
  payloadType: number;
  /**
   * "everything": each subscriber receives the best encoding of every publisher. "meeting": subscriber i is publisher i
   * too; it receives the best encoding of its neighbour, the lowest of the others, and not its own.
   */
  wishes: "everything" | "meeting";
}

export interface SutReady {
  port: number;
  backend: string;
  /** "ufrag pwd ufrag pwd …" of the subscribers' transports. */
  credentials: string;
}

export interface SutResult {
  backend: string;
  received: number;
  sent: number;
  dropped: number;
  cpuUs: number;
  /** Of it in the kernel. */
  systemUs: number;
  delayP50Us: number;
  delayP99Us: number;
  delayP999Us: number;
  gcPauses: number;
  gcMaxMs: number;
  gcTotalMs: number;
  memoryBytes: number;
  drops: Record<string, number>;
}

const CC_ID = 5;
const EXTENSIONS: HeaderExtensionIds = { ...NO_HEADER_EXTENSIONS, mid: 1, absSendTime: 3, transportCc: CC_ID };

/** Sends the engine's records through the backend, and notes how long packets stayed. */
class BenchSink implements PacketSink {
  readonly batch = new SendBatch(64);
  readonly delays = new DelayHistogram();
  readonly #io: MediaIo;
  readonly #arrivals: Float64Array | undefined;

  constructor(io: MediaIo, arrivals: Float64Array | undefined) {
    this.#io = io;
    this.#arrivals = arrivals;
  }

  flush(): void {
    const { batch } = this;
    if (batch.count === 0) return;
    this.#io.send(batch);
    if (this.#arrivals !== undefined) this.#noteDelays(this.#arrivals);
    batch.count = 0;
  }

  #noteDelays(arrivals: Float64Array): void {
    const now = this.#io.nowUs();
    for (let i = 0; i < this.batch.count; i++) {
      const arrived = arrivals[this.batch.u32[(i * SEND_RECORD_BYTES) / 4 + 1]!]!;
      if (arrived > 0) this.delays.add(now - arrived);
    }
  }
}

const options = JSON.parse(process.argv[2]!) as SutOptions;
const { io, backend } = await openMediaIo({
  host: "127.0.0.1",
  port: 0,
  tcp: false,
  backend: options.backend,
  senderThreads: options.senderThreads,
});
const arrivals = options.measureDelay ? new Float64Array(io.store.slotCount) : undefined;
const sink = new BenchSink(io, arrivals);
let seed = 1;
const engine = new Engine({
  store: io.store,
  random: { nextUint32: () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) },
  handler: { onProducerStream: () => undefined },
  // Without feedback nothing is known of the paths, and everything is to be sent.
  config: { allocateByEstimate: false },
});
const noDtls: DtlsProvider = {
  backend: "werift",
  fingerprint: { algorithm: "sha-256", value: "00" },
  createServer: () => ({ receive: () => undefined, sendData: () => undefined, close: () => undefined }),
  close: () => undefined,
};
const server = new WebRtcServer({ mediaIo: io, dtls: noDtls });

function codec(payloadType: number): CodecParameters {
  const video = options.kind === "video";
  return {
    payloadType,
    mimeType: video ? "video/VP8" : "audio/opus",
    clockRateHz: video ? 90_000 : 48_000,
    channels: video ? 0 : 2,
    fmtp: "",
    rtxPayloadType: video ? payloadType + 1 : 0,
    feedback: { nack: true, pli: video, fir: false, remb: false, transportCc: true },
  };
}

function openPublisher(index: number) {
  const transport = io.openTransport();
  io.setSrtpKeys(transport, serverKeys(index));
  io.setRemote(transport, { protocol: "udp", address: "127.0.0.1", port: options.firstPublisherPort + index });
  engine.openTransport(transport, sink, { extensions: NO_HEADER_EXTENSIONS, cname: `publisher-${index}` });
  return engine.addProducer({
    trackId: `track-${index}` as TrackId,
    kind: options.kind,
    origin: "local",
    transport,
    mid: "0",
    codecs: [codec(options.payloadType)],
    extensions: NO_HEADER_EXTENSIONS,
    encodings: Array.from({ length: options.encodings }, (_, encoding) => ({
      rid: options.encodings > 1 ? String(encoding) : "",
      ssrc: 1000 + 16 * index + encoding,
      rtxSsrc: 0,
    })),
  });
}

/** Index of a subscriber's keys: publishers come first. */
function openSubscriber(index: number, credentials: string[]): void {
  let transport: TransportHandle;
  if (options.feedback) {
    const webrtc = server.createTransport({ handler: { onStateChange: () => undefined } });
    webrtc.setRemote({ iceUfrag: "bench", icePwd: "bench-bench-bench-bench", fingerprints: [noDtls.fingerprint] });
    credentials.push(webrtc.localUfrag, webrtc.localPwd);
    transport = webrtc.handle;
  } else {
    transport = io.openTransport();
  }
  io.setSrtpKeys(transport, serverKeys(options.publishers + index));
  io.setRemote(transport, { protocol: "udp", address: "127.0.0.1", port: options.firstSubscriberPort + index });
  engine.openTransport(transport, sink, { extensions: EXTENSIONS, cname: "bench" });
  producers.forEach((producer, p) => {
    if (options.wishes === "meeting" && p === index) return;
    const ssrc = 0x10000 + index * 64 + p * 2;
    const consumer = engine.addConsumer(producer, {
      transport,
      codecs: [codec(96)],
      extensions: EXTENSIONS,
      mid: String(p),
      mode: "single",
      streams: [{ ssrc, rtxSsrc: options.kind === "video" ? ssrc + 1 : 0 }],
    });
    if (options.wishes === "meeting" && p !== (index + 1) % producers.length)
      consumer.setPreferredLayers({ maxSpatialId: 0 }, io.nowUs());
  });
}

const producers = Array.from({ length: options.publishers }, (_, index) => openPublisher(index));
const credentials: string[] = [];
collectGarbage();
const memoryBefore = memoryInUse();
for (let index = 0; index < options.subscribers; index++) openSubscriber(index, credentials);
collectGarbage();
const memoryBytes = memoryInUse() - memoryBefore;

function collectGarbage(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

function memoryInUse(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function noteArrivals(batch: ReceiveBatch, into: Float64Array): void {
  for (let i = 0; i < batch.count; i++) {
    const word = (i * RECEIVE_RECORD_BYTES) / 4;
    into[batch.u32[word + 1]!] = batch.f64[word / 2 + 3]!;
  }
}

io.start({
  onReceive: (batch) => {
    if (arrivals !== undefined) noteArrivals(batch, arrivals);
    engine.receive(batch, io.nowUs());
  },
  onDatagram: (bytes, remote, transport, arrivalUs) => server.onDatagram(bytes, remote, transport, arrivalUs),
  onCompletions: (batch) => engine.onCompletions(batch),
  onRemoteClosed: () => undefined,
});
const timer = setInterval(() => {
  const now = io.nowUs();
  if (now >= engine.nextPollUs()) engine.poll(now);
}, 10);

const pausesMs: number[] = [];
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) pausesMs.push(entry.duration);
});
observer.observe({ entryTypes: ["gc"] });

let cpuStart = process.cpuUsage();
let ioStart = io.counters();

function begin(): void {
  pausesMs.length = 0;
  sink.delays.clear();
  ioStart = io.counters();
  cpuStart = process.cpuUsage();
}

function end(): SutResult {
  const cpu = process.cpuUsage(cpuStart);
  const stats = engine.stats();
  const counters = io.counters();
  const dropped = (c: typeof counters) => Object.values(c.sendDrops).reduce((sum, count) => sum + count, 0);
  return {
    backend,
    received: counters.receivedPackets - ioStart.receivedPackets,
    sent: counters.sentPackets - ioStart.sentPackets,
    dropped: dropped(counters) - dropped(ioStart),
    cpuUs: cpu.user + cpu.system,
    systemUs: cpu.system,
    delayP50Us: sink.delays.quantileUs(0.5),
    delayP99Us: sink.delays.quantileUs(0.99),
    delayP999Us: sink.delays.quantileUs(0.999),
    gcPauses: pausesMs.length,
    gcMaxMs: Math.max(0, ...pausesMs),
    gcTotalMs: pausesMs.reduce((sum, ms) => sum + ms, 0),
    memoryBytes,
    drops: { ...stats.drops, ...counters.receiveDrops },
  };
}

process.on("message", (message) => {
  if (message === "begin") begin();
  if (message === "end") process.send!(end());
  if (message === "exit") {
    clearInterval(timer);
    observer.disconnect();
    void io.close().then(() => process.exit(0));
  }
});
process.on("disconnect", () => process.exit(0));
const ready: SutReady = { port: io.port, backend, credentials: credentials.join(" ") };
process.send!(ready);
