import type { TransportHandle } from "@cation/engine/ids";
import type { RemoteAddress, SrtpKeys } from "@cation/media-io/media-io";
import type { MonoUs } from "@cation/rtp/units";

/** What takes datagrams that are no media. True: it was one for it. */
export type DatagramListener = (bytes: Uint8Array, remote: RemoteAddress, nowUs: MonoUs) => boolean;

/** What SRTP between workers needs of the worker's one UDP port. */
export interface PeerMedia {
  /** Bound UDP port. */
  readonly port: number;
  nowUs(): MonoUs;
  /** A transport of the engine on the worker's socket, with keys and without an address. */
  openPeer(keys: SrtpKeys): TransportHandle;
  /** Where its packets go to, and from where alone they are taken. */
  setPeerRemote(handle: TransportHandle, remote: RemoteAddress): void;
  /** Its producers and consumers are closed before. Idempotent. */
  closeLink(handle: TransportHandle): void;
  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void;
  /** Shown every STUN message before anybody else. */
  watchDatagrams(listener: DatagramListener): void;
}
