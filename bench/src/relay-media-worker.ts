import type { MediaIoBackend } from "@cation/media-io/open-media-io";
import { openMediaIo } from "@cation/media-io/open-media-io";
import { sleep, systemClock } from "@cation/service-kit/clock";
import { MediaWorker } from "@cation/sfu/media-worker";
import { NatsMediaBroker } from "@cation/sfu/relay/nats-media-broker";
import { NatsPublications } from "@cation/sfu/relay/nats-publications";
import { RelayPaths } from "@cation/sfu/relay/relay-paths";
import { UdpPeers } from "@cation/sfu/relay/udp-peers";
import { SystemRandom } from "@cation/sfu/system-random";
import type { DtlsProvider } from "@cation/webrtc/dtls";

/** Which way packets go between the nodes. */
export type RelayLink = "udp" | "grpc" | "nats";

/** The room, track and node names of the relay's benches. */
export const RELAY_ROOM_ID = "bench";
export const RELAY_TRACK_ID = "track";

/** When a packet was handed in, at its end: monotonic microseconds that all processes of the machine share. */
export const STAMP_BYTES = 8;

export function stampUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** An sfu's media without clients: nothing arrives on its port. */
export async function openRelayMedia(backend: MediaIoBackend): Promise<MediaWorker> {
  const { io } = await openMediaIo({ host: "127.0.0.1", port: 0, tcp: false, backend });
  const dtls: DtlsProvider = {
    backend: "werift",
    fingerprint: { algorithm: "sha-256", value: "00" },
    createServer: () => ({ receive: () => undefined, sendData: () => undefined, close: () => undefined }),
    close: () => undefined,
  };
  const random = new SystemRandom();
  const media = new MediaWorker({ io, dtls, clock: systemClock, random, announcedAddresses: [], tcp: false });
  media.start();
  return media;
}

/** The one way for media that is measured. `natsUrl` is that of the broker where one is needed. */
export async function openRelayPaths(
  link: RelayLink,
  nodeId: string,
  media: MediaWorker,
  natsUrl: string,
): Promise<RelayPaths> {
  const shared = { media, clock: systemClock, random: new SystemRandom() };
  const udp = new UdpPeers({ ...shared, addresses: ["127.0.0.1"] });
  if (link !== "nats") return new RelayPaths({ transport: link, udp });
  const broker = new NatsMediaBroker({ urls: [natsUrl], clock: systemClock });
  while (!broker.connected) await sleep(systemClock, 10);
  const publications = new NatsPublications({ ...shared, nodeId, instanceId: nodeId, broker });
  return new RelayPaths({ transport: "nats", udp, nats: { broker, publications } });
}
