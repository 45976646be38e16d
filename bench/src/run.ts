import type { MediaIoBackend } from "@cation/media-io/open-media-io";
import { runNative, sleep, stopSink, type BareLoopResult, type SinkResult } from "./native.ts";
import { freePorts } from "./ports.ts";
import { Sut } from "./sut.ts";
import type { SutResult } from "./sut-process.ts";

/** One run: publishers send to the system under test (or the bare loop), which sends to the sink's subscribers. */
export interface Load {
  publishers: number;
  /** Of each simulcast encoding, lowest first. */
  packetsPerFrame: readonly number[];
  subscribers: number;
  packetBytes: number;
  /** Of each publisher, all encodings together. */
  packetsPerSecond: number;
  durationMs: number;
  kind: "audio" | "video";
  wishes: "everything" | "meeting";
}

export interface SutHow {
  backend: MediaIoBackend;
  senderThreads: number;
  /** Subscribers send feedback, reports and consent, and ask for 0.5 % of the packets again. */
  feedback: boolean;
  measureDelay: boolean;
}

export interface SutRun {
  result: SutResult;
  sink: SinkResult;
}

/** Block that carries mid, abs-send-time and transport-wide number: what the system under test adds to each packet. */
const EXTENSION_BYTES = 16;
const PAYLOAD_TYPE = 100;
const TRANSPORT_CC_ID = 5;
const SETTLE_MS = 400;
/** The compiler gets to know the hot path before anything is measured: servers run for days. */
export const WARM_UP_MS = 1500;

interface Ports {
  firstPublisher: number;
  server: number;
  control: number;
  firstSubscriber: number;
}

async function choosePorts(load: Load): Promise<Ports> {
  const first = await freePorts(load.publishers + load.subscribers + 2);
  const firstSubscriber = first + 2 + load.publishers;
  return { server: first, control: first + 1, firstPublisher: first + 2, firstSubscriber };
}

function startSink(ports: Ports, serverPort: number, load: Load, credentials: string, feedback: boolean) {
  return runNative("sink", {
    firstPort: ports.firstSubscriber,
    subscribers: load.subscribers,
    controlPort: ports.control,
    serverPort,
    firstSubscriberIndex: load.publishers,
    feedback: feedback ? 1 : 0,
    transportCcExtensionId: feedback ? TRANSPORT_CC_ID : 0,
    nackPermille: feedback ? 5 : 0,
    credentials,
  });
}

function startSource(ports: Ports, serverPort: number, load: Load) {
  return runNative("source", {
    firstLocalPort: ports.firstPublisher,
    targetPort: serverPort,
    publishers: load.publishers,
    firstTransportIndex: 0,
    firstSsrc: 1000,
    firstSequence: 1,
    payloadType: PAYLOAD_TYPE,
    packetBytes: load.packetBytes,
    packetsPerFrame: load.packetsPerFrame.join(" "),
    packetsPerSecond: load.packetsPerSecond,
    durationMs: load.durationMs,
  });
}

/** The system under test, over real sockets with real SRTP. */
export async function runSut(load: Load, how: SutHow): Promise<SutRun> {
  const ports = await choosePorts(load);
  const sut = await Sut.start({
    ...how,
    publishers: load.publishers,
    firstPublisherPort: ports.firstPublisher,
    encodings: load.packetsPerFrame.length,
    firstSubscriberPort: ports.firstSubscriber,
    subscribers: load.subscribers,
    kind: load.kind,
    payloadType: PAYLOAD_TYPE,
    wishes: load.wishes,
  });
  const sink = startSink(ports, sut.ready.port, load, sut.ready.credentials, how.feedback);
  await sleep(SETTLE_MS);
  const source = startSource(ports, sut.ready.port, { ...load, durationMs: load.durationMs + WARM_UP_MS });
  await sleep(WARM_UP_MS);
  sut.begin();
  await source;
  await sleep(SETTLE_MS);
  const result = await sut.end();
  await stopSink(ports.control);
  const run = { result, sink: await sink };
  await sut.stop();
  return run;
}

/** The bare C++ loop under the same arrivals, to the same sink. One publisher with one encoding. */
export async function runBare(load: Load): Promise<{ result: BareLoopResult; sink: SinkResult }> {
  const ports = await choosePorts(load);
  const sink = startSink(ports, ports.server, load, "", false);
  const bare = runNative("bareLoop", {
    localPort: ports.server,
    firstSubscriberPort: ports.firstSubscriber,
    subscribers: load.subscribers,
    publisherIndex: 0,
    firstSubscriberIndex: load.publishers,
    durationMs: load.durationMs + WARM_UP_MS,
    batch: 64,
    extensionBytes: EXTENSION_BYTES,
  });
  await sleep(SETTLE_MS);
  await startSource(ports, ports.server, { ...load, durationMs: load.durationMs + WARM_UP_MS });
  const result = await bare;
  await stopSink(ports.control);
  return { result, sink: await sink };
}
