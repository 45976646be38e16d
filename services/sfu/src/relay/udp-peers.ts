import { randomBytes } from "node:crypto";
import type { Random } from "@cation/engine/random";
import type { RemoteAddress } from "@cation/media-io/media-io";
import type { UdpEndpoint } from "@cation/proto/relay/v1/relay";
import type { Clock } from "@cation/service-kit/clock";
import { StunAnswerWriter, StunMessageView, StunType, TRANSACTION_ID_OFFSET } from "@cation/webrtc/stun-message";
import type { PeerMedia } from "./peer-media.ts";
import { UdpAssociation } from "./udp-association.ts";

/** A node to which no way by UDP was found is not asked for one again for so long. */
const FAILURE_MEMORY_MS = 60_000;

export interface UdpPeersOptions {
  readonly media: PeerMedia;
  readonly clock: Clock;
  readonly random: Random;
  /** Where this worker is reached by other nodes. */
  readonly addresses: readonly string[];
}

/** The SRTP associations of a worker with workers of other nodes: at most one with each. */
export class UdpPeers {
  /** Names this worker for as long as it runs. */
  readonly instanceId = randomBytes(12).toString("hex");
  readonly #options: UdpPeersOptions;
  readonly #byPeer = new Map<string, UdpAssociation>();
  readonly #byKeyId = new Map<string, UdpAssociation>();
  readonly #failures = new Map<string, number>();
  readonly #message = new StunMessageView();
  readonly #stun = new StunAnswerWriter();

  constructor(options: UdpPeersOptions) {
    this.#options = options;
    options.media.watchDatagrams((bytes, remote) => this.#receive(bytes, remote));
  }

  get associations(): Iterable<UdpAssociation> {
    return this.#byPeer.values();
  }

  /** Whether a way by UDP to a node is worth trying. */
  mayReach(nodeId: string): boolean {
    const failedAtMs = this.#failures.get(nodeId);
    return failedAtMs === undefined || this.#options.clock.monotonicMs() - failedAtMs >= FAILURE_MEMORY_MS;
  }

  /** No way to a node was found. */
  noteFailure(nodeId: string): void {
    this.#failures.set(nodeId, this.#options.clock.monotonicMs());
  }

  /** Our side, for a worker that wants an association: of the one that there is, or of a new one. */
  propose(peerInstanceId: string): UdpEndpoint {
    return this.#obtain(peerInstanceId).endpoint;
  }

  /** Takes what a worker proposed. Undefined: it speaks of an association that is not here any more, or makes no sense. */
  accept(endpoint: UdpEndpoint): UdpAssociation | undefined {
    const known = this.#byPeer.get(endpoint.instanceId);
    if (endpoint.seenKeyId !== "") {
      return known?.keyId === endpoint.seenKeyId && known.remoteKeyId === endpoint.keyId ? known : undefined;
    }
    // Keys of its that were not used before: what was agreed with others is over on its side.
    if (known && known.remoteKeyId !== "" && known.remoteKeyId !== endpoint.keyId) known.lose();
    return this.#complete(endpoint);
  }

  /** The answer to what we proposed. Undefined: another proposal must be made. */
  confirm(endpoint: UdpEndpoint): UdpAssociation | undefined {
    const known = this.#byPeer.get(endpoint.instanceId);
    if (!known) return undefined;
    if (known.remoteKeyId === "" || known.remoteKeyId === endpoint.keyId) return this.#complete(endpoint);
    known.lose();
    return undefined;
  }

  /** The other worker does not have the association that we proposed: the next proposal is a new one. */
  discard(peerInstanceId: string): void {
    this.#byPeer.get(peerInstanceId)?.lose();
  }

  /** Idempotent. */
  close(): void {
    for (const association of [...this.#byPeer.values()]) association.lose();
  }

  #obtain(peerInstanceId: string): UdpAssociation {
    let association = this.#byPeer.get(peerInstanceId);
    if (association) return association;
    association = new UdpAssociation({
      ...this.#options,
      stun: this.#stun,
      instanceId: this.instanceId,
      peerInstanceId,
      onGone: (gone) => {
        if (this.#byPeer.get(peerInstanceId) === gone) this.#byPeer.delete(peerInstanceId);
        this.#byKeyId.delete(gone.keyId);
      },
    });
    this.#byPeer.set(peerInstanceId, association);
    this.#byKeyId.set(association.keyId, association);
    return association;
  }

  #complete(endpoint: UdpEndpoint): UdpAssociation | undefined {
    const association = this.#obtain(endpoint.instanceId);
    if (association.remoteKeyId === "" && !association.install(endpoint)) return undefined;
    return association;
  }

  /** STUN that is ours; anything else is left to others. */
  #receive(bytes: Uint8Array, from: RemoteAddress): boolean {
    if (this.#byKeyId.size === 0 || bytes[0] > 3 || from.protocol !== "udp") return false;
    const message = this.#message;
    if (!message.read(bytes)) return false;
    if (message.type === StunType.BINDING_SUCCESS) return this.#receiveAnswer(message);
    if (message.type !== StunType.BINDING_REQUEST) return false;
    const association = this.#byKeyId.get(message.localUfrag());
    if (!association) return false;
    const password = association.takeRequest(message, from);
    if (password === undefined) return true;
    this.#options.media.sendDatagram(from, this.#stun.success(message, from.address, from.port, password));
    return true;
  }

  #receiveAnswer(message: StunMessageView): boolean {
    const transactionId = message.bytes.toString("latin1", TRANSACTION_ID_OFFSET, TRANSACTION_ID_OFFSET + 12);
    for (const association of this.#byPeer.values()) {
      if (association.takeAnswer(transactionId, message)) return true;
    }
    return false;
  }
}
