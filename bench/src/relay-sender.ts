/**
 * Child process: the node that has a track. Packets are put into its engine as if they had been received; what watches
 * the track gets them by the sfu's own relay link.
 */
import { GrpcServer } from "@cation/cluster/rpc/grpc-server";
import type { CodecParameters } from "@cation/engine/codec-parameters";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { TrackId } from "@cation/engine/ids";
import type { ProducerParams } from "@cation/engine/parameters";
import { SendBatch } from "@cation/engine/send-batch";
import type { MediaIoBackend } from "@cation/media-io/open-media-io";
import { MediaKind } from "@cation/proto/common/v1/common";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { Track } from "@cation/proto/state/v1/state";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import { LocalTracks } from "@cation/sfu/local-tracks";
import { PacketBatchWriter } from "@cation/sfu/relay/packet-framing";
import { RelayIngress } from "@cation/sfu/relay/relay-ingress";
import { RelayHubs } from "@cation/sfu/relay/relay-hubs";
import { RelayLinkServer } from "@cation/sfu/relay/relay-link-server";
import { SystemRandom } from "@cation/sfu/system-random";
import { readChildOptions, serveParent } from "./bench-child.ts";
import {
  openRelayMedia,
  openRelayPaths,
  RELAY_ROOM_ID,
  RELAY_TRACK_ID,
  STAMP_BYTES,
  stampUs,
  type RelayLink,
} from "./relay-media-worker.ts";

export interface RelaySenderOptions {
  readonly backend: MediaIoBackend;
  readonly packetBytes: number;
  readonly link: RelayLink;
  readonly natsUrl: string;
}

export interface RelaySenderReady {
  /** host:port of its relay service. */
  readonly address: string;
}

export interface RelaySenderQuestion {
  readonly packetsPerSecond: number;
  readonly seconds: number;
}

export interface RelaySenderAnswer {
  /** Packets handed in. */
  readonly packets: number;
  readonly elapsedMs: number;
  readonly cpuUs: number;
}

const SSRC = 1_000;
const PAYLOAD_TYPE = 100;
const RTP_HEADER_BYTES = 12;
const VIDEO_CLOCK_HZ = 90_000;

const { backend, packetBytes, link, natsUrl } = readChildOptions<RelaySenderOptions>();
const media = await openRelayMedia(backend);
const tracks = new LocalTracks();
const paths = await openRelayPaths(link, "sender", media, natsUrl);
const shared = { nodeId: "sender", media, clock: systemClock, random: new SystemRandom(), paths };
const hubs = new RelayHubs({
  ...shared,
  connect: () => Promise.reject(new Error("there is no other node")),
  logger: createLogger({ service: "sfu", level: "warn", destination: process.stderr }),
});
const links = new RelayLinkServer({
  ...shared,
  tracks,
  hubs,
  checkEpoch: () => undefined,
});
const server = new GrpcServer();
server.serveDuplex(RelayServiceDefinition, "link", (duplex) => links.serve(duplex));

const codec: CodecParameters = {
  payloadType: PAYLOAD_TYPE,
  mimeType: "video/VP8",
  clockRateHz: VIDEO_CLOCK_HZ,
  channels: 0,
  fmtp: "",
  rtxPayloadType: 0,
  feedback: { nack: false, pli: true, fir: false, remb: false, transportCc: false },
};
const transport = media.openLink({ batch: new SendBatch(16), flush: () => undefined });
const params: ProducerParams = {
  trackId: RELAY_TRACK_ID as TrackId,
  kind: "video",
  origin: "local",
  transport,
  mid: "",
  codecs: [codec],
  extensions: NO_HEADER_EXTENSIONS,
  encodings: [{ rid: "", ssrc: SSRC, rtxSsrc: 0 }],
};
const { mimeType, clockRateHz } = codec;
const track = Track.fromPartial({
  trackId: RELAY_TRACK_ID,
  kind: MediaKind.VIDEO,
  codecs: [{ mimeType, clockRateHz }],
  encodings: [{}],
});
tracks.add({ roomId: RELAY_ROOM_ID, track, params, producer: media.addProducer(params) });
const ingress = new RelayIngress({ transport, store: media.store, receiver: media, nowUs: () => media.nowUs() });

/** A packet of VP8, each the start of a keyframe, so that nothing waits for one (RFC 7741 §4.2, §4.3). */
function createPacket(): Buffer {
  const packet = Buffer.alloc(packetBytes, 0x5a);
  packet.writeUInt8(0x80, 0);
  packet.writeUInt8(0x80 | PAYLOAD_TYPE, 1);
  packet.writeUInt32BE(SSRC, 8);
  packet.writeUInt8(0x10, RTP_HEADER_BYTES);
  packet.writeUInt8(0x10, RTP_HEADER_BYTES + 1);
  return packet;
}

const packet = createPacket();
const writer = new PacketBatchWriter();
let sequenceNumber = 0;

function handIn(count: number): void {
  const nowUs = stampUs();
  packet.writeDoubleLE(nowUs, packetBytes - STAMP_BYTES);
  packet.writeUInt32BE(Math.floor((nowUs * 9) / 100) % 2 ** 32, 4);
  for (let i = 0; i < count; i++) {
    if (!writer.fits(packetBytes)) ingress.receive(writer.take());
    packet.writeUInt16BE((sequenceNumber = (sequenceNumber + 1) & 0xffff), 2);
    writer.append(packet, 0, 0, packet, 0, packetBytes);
  }
  if (!writer.empty) ingress.receive(writer.take());
}

async function send({ packetsPerSecond, seconds }: RelaySenderQuestion): Promise<RelaySenderAnswer> {
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  const total = packetsPerSecond * seconds;
  let packets = 0;
  while (packets < total) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const due = Math.min(total, Math.floor(((performance.now() - startedAtMs) * packetsPerSecond) / 1_000));
    if (due > packets) handIn(due - packets);
    packets = due;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { packets, elapsedMs: performance.now() - startedAtMs, cpuUs: user + system };
}

const ready: RelaySenderReady = { address: `127.0.0.1:${await server.listen("127.0.0.1", 0)}` };
serveParent(ready, send, async () => {
  links.close();
  paths.close();
  await Promise.all([media.close(), server.close()]);
});
