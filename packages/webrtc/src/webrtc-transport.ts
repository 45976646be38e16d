import type { TransportHandle } from "@cation/engine/ids";
import type { MediaIo, RemoteAddress, SrtpKeys } from "@cation/media-io/media-io";
import type { MonoUs } from "@cation/rtp/units";
import type { DtlsAssociation, DtlsCloseReason, DtlsFingerprint, DtlsProvider } from "./dtls.ts";
import type { IceCredentials } from "./ice-credentials.ts";
import { IceLite, isSameAddress } from "./ice-lite.ts";
import type { IceCheckOutcome } from "./ice-lite.ts";
import type { StunMessageView } from "./stun-message.ts";
import type { TransportState, TransportStateReason, WebRtcTransportHandler } from "./transport-state.ts";
import type { WebRtcCounters } from "./webrtc-counters.ts";

/** The client's side of a connection, from its SDP. */
export interface RemoteDescription {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly fingerprints: readonly DtlsFingerprint[];
}

/** When a transport is given up, in microseconds. */
export interface TransportTimeouts {
  /** Without checks: "disconnected". RFC 7675 §5.1 has a client ask every 4 … 6 s, Chromium every 2.5 s. */
  readonly disconnectedUs: number;
  /** Without checks: "failed", and nothing is sent (RFC 7675 §5.1). */
  readonly failedUs: number;
  /** From the client's description to its first nomination. */
  readonly iceUs: number;
  /** From the nomination to the keys. */
  readonly dtlsUs: number;
}

/** What a transport needs of its server. */
export interface WebRtcTransportContext {
  readonly mediaIo: MediaIo;
  readonly dtls: DtlsProvider;
  readonly timeouts: TransportTimeouts;
  readonly counters: WebRtcCounters;
  onCredentials(credentials: IceCredentials, transport: WebRtcTransport): void;
  onCredentialsRetired(credentials: IceCredentials): void;
  onClosed(transport: WebRtcTransport): void;
}

/** DTLS that came before the client's fingerprint was known: a ClientHello, perhaps in fragments, and its repetition. */
const MAX_EARLY_DATAGRAMS = 4;

/** One ICE-lite and DTLS association with a client, and the SRTP keys that come of it. */
export class WebRtcTransport {
  /** Number under which the engine and the I/O backend know it. */
  readonly handle: TransportHandle;
  readonly #context: WebRtcTransportContext;
  readonly #handler: WebRtcTransportHandler;
  readonly #ice: IceLite;
  #state: TransportState = "new";
  #fingerprints: readonly DtlsFingerprint[] | undefined;
  #dtls: DtlsAssociation | undefined;
  #dtlsState: "none" | "open" | "connected" | "closed" = "none";
  #early: Uint8Array[] = [];
  /** When the current wait began: for a nomination, or for the handshake. */
  #waitingSinceUs: number | undefined;

  constructor(context: WebRtcTransportContext, handler: WebRtcTransportHandler) {
    this.#context = context;
    this.#handler = handler;
    this.handle = context.mediaIo.openTransport();
    this.#ice = new IceLite(context);
    context.onCredentials(this.#ice.local, this);
  }

  /** Newest local credentials: for SDP. */
  get localUfrag(): string {
    return this.#ice.local.ufrag;
  }

  get localPwd(): string {
    return this.#ice.local.pwd;
  }

  get state(): TransportState {
    return this.#state;
  }

  /** Where the client is; `undefined` before the first nomination. Not for logs above debug level. */
  get remote(): RemoteAddress | undefined {
    return this.#ice.remote;
  }

  /** The client's credentials and certificate digests. Again after each of its descriptions: changes are an ICE restart. */
  setRemote(remote: RemoteDescription): void {
    if (this.#state === "closed") return;
    this.#ice.setRemoteUfrag(remote.iceUfrag);
    if (this.#fingerprints === undefined) {
      this.#fingerprints = remote.fingerprints;
      if (this.#ice.remote === undefined) this.#waitingSinceUs = this.#context.mediaIo.nowUs();
      this.#replayEarly();
    } else if (!sharesFingerprint(this.#fingerprints, remote.fingerprints)) {
      this.#closeDtls();
      this.#changeState("failed", "fingerprint-changed");
    }
  }

  /** New local credentials for the next description. The old ones serve until the client nominates under the new. */
  restartIce(): void {
    if (this.#state === "closed") return;
    this.#context.onCredentials(this.#ice.restart(), this);
  }

  /** Sends DTLS application data (SCTP). Dropped unless connected. */
  sendData(data: Uint8Array): void {
    this.#dtls?.sendData(data);
  }

  /** Says close_notify, forgets keys and address. Idempotent; `onStateChange` is not called. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#dispose();
  }

  /** Of the server: judges a check and follows it. */
  check(request: StunMessageView, credentials: IceCredentials, from: RemoteAddress, nowUs: MonoUs): IceCheckOutcome {
    const outcome = this.#ice.check(request, credentials, from, nowUs);
    if (outcome === "answer-and-move") this.#move(nowUs);
    if (outcome === "answer" || outcome === "answer-and-move") this.#revive(nowUs);
    return outcome;
  }

  /** Of the server: a DTLS datagram from the address in use. */
  receiveDtls(datagram: Uint8Array): void {
    const { drops } = this.#context.counters;
    if (this.#dtlsState === "closed") {
      drops["dtls-after-close"] += 1;
    } else if (this.#fingerprints === undefined) {
      if (this.#early.length < MAX_EARLY_DATAGRAMS) this.#early.push(datagram.slice());
      else drops["dtls-before-remote"] += 1;
    } else {
      this.#dtls ??= this.#openDtls(this.#fingerprints);
      this.#dtls.receive(datagram);
    }
  }

  /** Of the server: the client's TCP connection went away. */
  remoteClosed(remote: RemoteAddress): void {
    if (this.#ice.remote === undefined || !isSameAddress(this.#ice.remote, remote)) return;
    if (this.#state === "connected") this.#changeState("disconnected", "tcp-closed");
  }

  /** Of the server: looks at the clock. */
  poll(nowUs: MonoUs): void {
    const { timeouts } = this.#context;
    const silentUs = nowUs - this.#ice.lastCheckUs;
    const waitedUs = this.#waitingSinceUs === undefined ? 0 : nowUs - this.#waitingSinceUs;
    switch (this.#state) {
      case "new":
        if (waitedUs > timeouts.iceUs) this.#changeState("failed", "ice-timeout");
        break;
      case "connecting":
        if (silentUs > timeouts.failedUs) this.#changeState("failed", "consent-expired");
        else if (waitedUs > timeouts.dtlsUs) this.#failHandshake("dtls-timeout");
        break;
      case "connected":
        if (silentUs > timeouts.disconnectedUs) this.#changeState("disconnected", "consent-lost");
        break;
      case "disconnected":
        if (silentUs > timeouts.failedUs) this.#changeState("failed", "consent-expired");
        break;
      default:
    }
  }

  #move(nowUs: MonoUs): void {
    const { remote } = this.#ice;
    if (remote === undefined) return;
    this.#context.counters.moves += 1;
    this.#context.mediaIo.setRemote(this.handle, remote);
    if (this.#state !== "new") return;
    this.#waitingSinceUs = nowUs;
    this.#changeState("connecting", "nominated");
  }

  /** A check on the address in use brings a silent transport back. */
  #revive(nowUs: MonoUs): void {
    if (this.#ice.lastCheckUs !== nowUs) return;
    if (this.#state !== "disconnected" && this.#state !== "failed") return;
    if (this.#dtlsState === "connected") this.#changeState("connected", "consent-regained");
  }

  #openDtls(expected: readonly DtlsFingerprint[]): DtlsAssociation {
    this.#dtlsState = "open";
    return this.#context.dtls.createServer(expected, {
      onSend: (datagram) => this.#sendDtls(datagram),
      onConnected: (keys) => this.#connected(keys),
      onData: (data) => this.#handler.onData?.(data),
      onClosed: (reason) => this.#dtlsClosed(reason),
    });
  }

  #sendDtls(datagram: Uint8Array): void {
    const { remote } = this.#ice;
    if (remote !== undefined) this.#context.mediaIo.sendDatagram(remote, datagram);
  }

  #connected(keys: SrtpKeys): void {
    if (this.#dtlsState !== "open" || this.#state === "closed") return;
    this.#dtlsState = "connected";
    this.#waitingSinceUs = undefined;
    this.#context.counters.handshakes += 1;
    this.#context.mediaIo.setSrtpKeys(this.handle, keys);
    if (this.#state === "connecting") this.#changeState("connected", "dtls-connected");
  }

  #dtlsClosed(reason: DtlsCloseReason): void {
    const wasConnected = this.#dtlsState === "connected";
    this.#dtlsState = "closed";
    if (this.#state === "closed") return;
    if (!wasConnected) {
      this.#context.counters.handshakeFailures += 1;
      this.#changeState("failed", reason);
      return;
    }
    this.#state = "closed";
    this.#dispose();
    this.#handler.onStateChange("closed", reason);
  }

  #failHandshake(reason: TransportStateReason): void {
    this.#context.counters.handshakeFailures += 1;
    this.#closeDtls();
    this.#changeState("failed", reason);
  }

  #replayEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const datagram of early) this.receiveDtls(datagram);
  }

  #changeState(state: TransportState, reason: TransportStateReason): void {
    if (this.#state === state || this.#state === "closed") return;
    if (reason === "ice-timeout" || reason === "consent-expired") this.#context.counters.iceFailures[reason] += 1;
    this.#state = state;
    this.#handler.onStateChange(state, reason);
  }

  #closeDtls(): void {
    this.#dtlsState = "closed";
    this.#early = [];
    this.#dtls?.close();
    this.#dtls = undefined;
  }

  #dispose(): void {
    this.#closeDtls();
    this.#ice.close();
    this.#context.mediaIo.closeTransport(this.handle);
    this.#context.onClosed(this);
  }
}

function sharesFingerprint(known: readonly DtlsFingerprint[], announced: readonly DtlsFingerprint[]): boolean {
  return announced.some(({ algorithm, value }) =>
    known.some((one) => one.algorithm === algorithm && one.value === value),
  );
}
