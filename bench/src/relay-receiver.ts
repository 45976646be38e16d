/**
 * Child process: the node that watches a track of another one, by the sfu's own relay link. Tells, for the time since it
 * was asked last, what came through the link and when.
 */
import { openDuplex } from "@cation/cluster/rpc/grpc-client";
import { RECEIVE_RECORD_BYTES, ReceiveKind, type ReceiveBatch } from "@cation/engine/receive-batch";
import type { MediaIoBackend } from "@cation/media-io/open-media-io";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import { RelayHub } from "@cation/sfu/relay/relay-hub";
import { SystemRandom } from "@cation/sfu/system-random";
import { readChildOptions, serveParent } from "./bench-child.ts";
import { DelayHistogram } from "./delay-histogram.ts";
import {
  openRelayMedia,
  openRelayPaths,
  RELAY_ROOM_ID,
  RELAY_TRACK_ID,
  STAMP_BYTES,
  stampUs,
  type RelayLink,
} from "./relay-media-worker.ts";

export interface RelayReceiverOptions {
  readonly backend: MediaIoBackend;
  /** host:port of the sender's relay service. */
  readonly sender: string;
  readonly link: RelayLink;
  readonly natsUrl: string;
}

export interface RelayReceiverUse {
  readonly packets: number;
  readonly cpuUs: number;
  readonly elapsedMs: number;
  /** From when a packet was handed in at the sender until this engine gets it. */
  readonly delayP50Us: number;
  readonly delayP99Us: number;
}

const { backend, sender, link, natsUrl } = readChildOptions<RelayReceiverOptions>();
const worker = await openRelayMedia(backend);
const delays = new DelayHistogram();
let packets = 0;

function note(batch: ReceiveBatch): void {
  const nowUs = stampUs();
  const { view, slotBytes } = worker.store;
  for (let i = 0; i < batch.count; i++) {
    const byte = i * RECEIVE_RECORD_BYTES;
    if (batch.u8[byte + 16] !== ReceiveKind.RTP) continue;
    const start = batch.u32[byte / 4 + 1]! * slotBytes + batch.u16[byte / 2 + 6]!;
    delays.add(nowUs - view.getFloat64(start + batch.u16[byte / 2 + 7]! - STAMP_BYTES, true));
    packets += 1;
  }
}

const { engine } = worker;
const receive = engine.receive.bind(engine);
engine.receive = (batch, nowUs) => {
  note(batch);
  receive(batch, nowUs);
};
// Nobody takes the track here; the sender is not told, so that it goes on.
worker.watchDemand = () => undefined;
const paths = await openRelayPaths(link, "receiver", worker, natsUrl);
const { promise: flows, resolve: onFlows } = Promise.withResolvers<void>();
const hub = new RelayHub({
  roomId: RELAY_ROOM_ID,
  nodeId: "receiver",
  connect: () => Promise.resolve(openDuplex(RelayServiceDefinition, "link", sender)),
  media: worker,
  paths,
  clock: systemClock,
  random: new SystemRandom(),
  logger: createLogger({ service: "sfu", level: "warn", destination: process.stderr }),
});
hub.acquire(RELAY_TRACK_ID, "sender", () => onFlows());
await flows;

let since = { cpu: process.cpuUsage(), atMs: performance.now() };

function use(): RelayReceiverUse {
  const { user, system } = process.cpuUsage(since.cpu);
  const used = {
    packets,
    cpuUs: user + system,
    elapsedMs: performance.now() - since.atMs,
    delayP50Us: delays.quantileUs(0.5),
    delayP99Us: delays.quantileUs(0.99),
  };
  packets = 0;
  delays.clear();
  since = { cpu: process.cpuUsage(), atMs: performance.now() };
  return used;
}

serveParent({}, use, async () => {
  hub.close();
  paths.close();
  await worker.close();
});
