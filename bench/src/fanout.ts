import type { MediaIoBackend } from "@cation/media-io/open-media-io";
import { runNative, sleep, stopSink, type BareLoopResult, type SinkResult } from "./native.ts";
import { freePorts } from "./ports.ts";
import { Sut } from "./sut.ts";
import type { FanoutSutResult } from "./fanout-sut.ts";

/** One run: a source sends to the system under test (or the bare loop), which sends to every subscriber of the sink. */
export interface FanoutLoad {
  subscribers: number;
  packetBytes: number;
  packetsPerSecond: number;
  durationMs: number;
  kind: "audio" | "video";
}

export interface FanoutRun {
  result: FanoutSutResult;
  sink: SinkResult;
}

/** Block that carries mid, abs-send-time and transport-wide number: what the system under test adds to each packet. */
const EXTENSION_BYTES = 16;
const PAYLOAD_TYPE = 100;
const TRANSPORT_CC_ID = 5;
const SETTLE_MS = 400;

interface Ports {
  publisher: number;
  server: number;
  control: number;
  firstSubscriber: number;
}

async function choosePorts(subscribers: number): Promise<Ports> {
  const first = await freePorts(subscribers + 3);
  return { publisher: first, server: first + 1, control: first + 2, firstSubscriber: first + 3 };
}

function startSink(ports: Ports, serverPort: number, subscribers: number, credentials: string, feedback: boolean) {
  return runNative("sink", {
    firstPort: ports.firstSubscriber,
    subscribers,
    controlPort: ports.control,
    serverPort,
    firstSubscriberIndex: 1,
    feedback: feedback ? 1 : 0,
    transportCcExtensionId: feedback ? TRANSPORT_CC_ID : 0,
    nackPermille: feedback ? 5 : 0,
    credentials,
  });
}

function startSource(ports: Ports, serverPort: number, load: FanoutLoad) {
  return runNative("source", {
    localPort: ports.publisher,
    targetPort: serverPort,
    transportIndex: 0,
    ssrc: 1000,
    firstSequence: 1,
    payloadType: PAYLOAD_TYPE,
    packetBytes: load.packetBytes,
    packetsPerSecond: load.packetsPerSecond,
    durationMs: load.durationMs,
  });
}

/** The system under test, over real sockets with real SRTP. */
export async function runSut(
  load: FanoutLoad,
  how: { backend: MediaIoBackend; senderThreads: number; feedback: boolean; measureDelay: boolean },
): Promise<FanoutRun> {
  const ports = await choosePorts(load.subscribers);
  const sut = await Sut.start({
    ...how,
    publishers: 1,
    publisherPort: ports.publisher,
    firstSubscriberPort: ports.firstSubscriber,
    subscribers: load.subscribers,
    kind: load.kind,
    payloadType: PAYLOAD_TYPE,
  });
  const sink = startSink(ports, sut.ready.port, load.subscribers, sut.ready.credentials, how.feedback);
  await sleep(SETTLE_MS);
  sut.begin();
  await startSource(ports, sut.ready.port, load);
  await sleep(SETTLE_MS);
  const result = await sut.end();
  await stopSink(ports.control);
  const run = { result, sink: await sink };
  await sut.stop();
  return run;
}

/** The bare C++ loop under the same arrivals, to the same sink. */
export async function runBare(load: FanoutLoad): Promise<{ result: BareLoopResult; sink: SinkResult }> {
  const ports = await choosePorts(load.subscribers);
  const sink = startSink(ports, ports.server, load.subscribers, "", false);
  const bare = runNative("bareLoop", {
    localPort: ports.server,
    firstSubscriberPort: ports.firstSubscriber,
    subscribers: load.subscribers,
    publisherIndex: 0,
    firstSubscriberIndex: 1,
    durationMs: load.durationMs,
    batch: 64,
    extensionBytes: EXTENSION_BYTES,
  });
  await sleep(SETTLE_MS);
  await startSource(ports, ports.server, load);
  const result = await bare;
  await stopSink(ports.control);
  return { result, sink: await sink };
}
