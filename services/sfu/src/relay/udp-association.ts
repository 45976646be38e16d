import { randomBytes } from "node:crypto";
import type { TransportHandle } from "@cation/engine/ids";
import type { Random } from "@cation/engine/random";
import { SrtpProfile } from "@cation/media-io/media-io";
import type { RemoteAddress } from "@cation/media-io/media-io";
import type { UdpEndpoint } from "@cation/proto/relay/v1/relay";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { isSameAddress } from "@cation/webrtc/ice-lite";
import type { StunAnswerWriter, StunMessageView } from "@cation/webrtc/stun-message";
import { parsePeerAddress } from "./peer-address.ts";
import type { PeerMedia } from "./peer-media.ts";
import { SsrcPool } from "./ssrc-pool.ts";

const KEY_BYTES = 16;
const SALT_BYTES = 12;
/** Between checks while the way is looked for, and when it is found. */
const SEARCH_INTERVAL_MS = 50;
const CONSENT_INTERVAL_MS = 500;
/** A nominated address takes over from one that has been silent for so long … */
const SILENT_MS = 1_000;
/** … and without one the way is lost after so long. */
const CONSENT_MS = 3_000;
/** A way not found by then is none. */
const SEARCH_MS = 5_000;
/** Without links it is kept for so long: the next room comes soon. */
const IDLE_MS = 30_000;
const MAX_ADDRESSES = 8;
/** Checks that are not answered yet. */
const MAX_PENDING = 64;
/** A receiver remembers at most 512 ssrcs of a transport (RTP and RTCP apart). */
const MAX_SSRCS = 400;

export interface UdpAssociationOptions {
  readonly media: PeerMedia;
  readonly clock: Clock;
  readonly random: Random;
  readonly stun: StunAnswerWriter;
  /** This worker. */
  readonly instanceId: string;
  readonly peerInstanceId: string;
  /** Where this worker is reached by other nodes. */
  readonly addresses: readonly string[];
  /** It is of no use any more: another is made for the next link. */
  readonly onGone: (association: UdpAssociation) => void;
}

/** Who has links on an association. */
export interface AssociationUser {
  /** The way is found, or was. */
  onOpen(): void;
  /** Packets go nowhere any more. The transport stays until `release`. */
  onLost(): void;
}

/**
 * SRTP between two workers on their media ports, shared by all links between them: the port is the address, so that there
 * can be one only. Keys come over gRPC; each worker makes those for what it sends, once for an association, so that no key
 * is ever used for two streams of packets. The way is found as in ICE with one lite agent (RFC 8445 §2.5): the worker with the
 * lower id checks all addresses of the other, with a password that came the same way as the keys, and nominates the first
 * that answers; the other one answers and follows. Nothing is answered that is not authenticated.
 */
export class UdpAssociation {
  readonly keyId = randomBytes(9).toString("base64");
  readonly ssrcs: SsrcPool;
  readonly #options: UdpAssociationOptions;
  readonly #password = randomBytes(18).toString("base64");
  readonly #key = randomBytes(KEY_BYTES);
  readonly #salt = randomBytes(SALT_BYTES);
  readonly #users = new Set<AssociationUser>();
  readonly #candidates: RemoteAddress[] = [];
  /** By transaction id: where the check went to, and whether it nominated. */
  readonly #pending = new Map<string, { readonly address: RemoteAddress; readonly nominates: boolean }>();
  #timer: Timer | undefined;
  #idleTimer: Timer | undefined;
  #remote: UdpEndpoint | undefined;
  #transport: TransportHandle | undefined;
  #address: RemoteAddress | undefined;
  #startedAtMs = 0;
  /** When the other worker last answered, or asked. */
  #heardAtMs = 0;
  #state: "new" | "searching" | "open" | "lost" = "new";

  constructor(options: UdpAssociationOptions) {
    this.#options = options;
    this.ssrcs = new SsrcPool(options.random, MAX_SSRCS);
    this.#armIdle();
  }

  get peerInstanceId(): string {
    return this.#options.peerInstanceId;
  }

  get open(): boolean {
    return this.#state === "open";
  }

  /** Of the keys in use for what is received; empty before there are any. */
  get remoteKeyId(): string {
    return this.#remote?.keyId ?? "";
  }

  /** Of the engine; there is none before `install`. */
  get transport(): TransportHandle {
    if (this.#transport === undefined) throw new Error("the association has no keys yet");
    return this.#transport;
  }

  /** This side of it, for the other worker's eyes only. */
  get endpoint(): UdpEndpoint {
    const { instanceId, addresses, media } = this.#options;
    return {
      instanceId,
      keyId: this.keyId,
      srtpKey: this.#key,
      srtpSalt: this.#salt,
      password: this.#password,
      addresses: [...addresses],
      port: media.port,
      seenKeyId: this.remoteKeyId,
    };
  }

  /** Takes the other side; once. False where it makes no sense. */
  install(remote: UdpEndpoint): boolean {
    if (remote.srtpKey.length !== KEY_BYTES || remote.srtpSalt.length !== SALT_BYTES) return false;
    if (remote.keyId === "" || remote.keyId.length > 32 || remote.password === "") return false;
    const { media, clock } = this.#options;
    this.#remote = remote;
    for (const text of remote.addresses.slice(0, MAX_ADDRESSES)) {
      const address = parsePeerAddress(text, remote.port);
      if (address) this.#candidates.push(address);
    }
    this.#transport = media.openPeer({
      profile: SrtpProfile.AEAD_AES_128_GCM,
      localKey: this.#key,
      localSalt: this.#salt,
      remoteKey: remote.srtpKey,
      remoteSalt: remote.srtpSalt,
    });
    this.#state = "searching";
    this.#startedAtMs = clock.monotonicMs();
    this.#check();
    return true;
  }

  /** Holds it for a link. */
  use(user: AssociationUser): void {
    this.#users.add(user);
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
    if (this.#state === "open") user.onOpen();
    else if (this.#state === "lost") user.onLost();
  }

  /** Idempotent. */
  release(user: AssociationUser): void {
    if (!this.#users.delete(user) || this.#users.size > 0) return;
    if (this.#state === "lost") this.#dispose();
    else this.#armIdle();
  }

  /** Gives it up: links on it are told. Idempotent. */
  lose(): void {
    if (this.#state === "lost") return;
    this.#state = "lost";
    this.#timer?.cancel();
    this.#idleTimer?.cancel();
    this.#pending.clear();
    this.#options.onGone(this);
    const users = [...this.#users];
    for (const user of users) user.onLost();
    if (this.#users.size === 0) this.#dispose();
  }

  /** A check of the other worker. The password to answer it with; undefined where it is not to be answered. */
  takeRequest(request: StunMessageView, from: RemoteAddress): string | undefined {
    if (this.#state === "lost" || this.#state === "new" || this.#controls) return undefined;
    if (!request.hasValidFingerprint() || !request.hasValidIntegrity(this.#password)) return undefined;
    const nowMs = this.#options.clock.monotonicMs();
    const moves = !this.#address || nowMs - this.#heardAtMs >= SILENT_MS;
    if (request.useCandidate && moves) this.#setAddress(from);
    if (this.#address && isSameAddress(this.#address, from)) this.#heardAtMs = nowMs;
    if (request.useCandidate && this.#state === "searching") this.#opened();
    return this.#password;
  }

  /** An answer to a check. False where it is to none of ours. */
  takeAnswer(transactionId: string, answer: StunMessageView): boolean {
    const asked = this.#pending.get(transactionId);
    if (!asked || !this.#remote || !answer.hasValidIntegrity(this.#remote.password)) return false;
    this.#pending.delete(transactionId);
    if (!this.#address) {
      this.#setAddress(asked.address);
      this.#ask(asked.address, true);
    } else if (isSameAddress(this.#address, asked.address)) {
      this.#heardAtMs = this.#options.clock.monotonicMs();
      if (asked.nominates && this.#state === "searching") this.#opened();
    }
    return true;
  }

  /** Whether this worker makes the checks. */
  get #controls(): boolean {
    return this.#options.instanceId < this.#options.peerInstanceId;
  }

  #setAddress({ address, port }: RemoteAddress): void {
    this.#address = { protocol: "udp", address, port };
    this.#heardAtMs = this.#options.clock.monotonicMs();
    this.#options.media.setPeerRemote(this.transport, this.#address);
  }

  #opened(): void {
    this.#state = "open";
    for (const user of [...this.#users]) user.onOpen();
  }

  #check(): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const isLost = this.#address ? nowMs - this.#heardAtMs >= CONSENT_MS : nowMs - this.#startedAtMs >= SEARCH_MS;
    if (isLost) return this.lose();
    if (this.#controls) {
      for (const address of this.#address ? [this.#address] : this.#candidates)
        this.#ask(address, this.#address !== undefined);
    }
    const delayMs = this.open ? CONSENT_INTERVAL_MS : SEARCH_INTERVAL_MS;
    this.#timer = clock.setTimer(delayMs, () => this.#check());
  }

  #ask(address: RemoteAddress, nominates: boolean): void {
    const remote = this.#remote;
    if (!remote) return;
    const transactionId = randomBytes(12);
    this.#pending.set(transactionId.toString("latin1"), { address, nominates });
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    const { media, stun } = this.#options;
    const username = `${remote.keyId}:${this.keyId}`;
    media.sendDatagram(address, stun.request(username, transactionId, remote.password, nominates));
  }

  #armIdle(): void {
    this.#idleTimer = this.#options.clock.setTimer(IDLE_MS, () => this.lose());
  }

  #dispose(): void {
    if (this.#transport === undefined) return;
    this.#options.media.closeLink(this.#transport);
    this.#transport = undefined;
  }
}
