import type { TransportHandle } from "@cation/engine/ids";
import type { MediaIo, RemoteAddress } from "@cation/media-io/media-io";
import type { MonoUs } from "@cation/rtp/units";
import type { DtlsFingerprint, DtlsProvider } from "./dtls.ts";
import type { IceCredentials } from "./ice-credentials.ts";
import { StunAnswerWriter, StunMessageView, StunType } from "./stun-message.ts";
import type { WebRtcTransportHandler } from "./transport-state.ts";
import { createWebRtcCounters } from "./webrtc-counters.ts";
import type { WebRtcCounters, WebRtcDropReason } from "./webrtc-counters.ts";
import { WebRtcTransport } from "./webrtc-transport.ts";
import type { TransportTimeouts, WebRtcTransportContext } from "./webrtc-transport.ts";

/** What a server is made of. It owns neither: their maker closes them, after the server. */
export interface WebRtcServerOptions {
  readonly mediaIo: MediaIo;
  readonly dtls: DtlsProvider;
  readonly timeouts?: Partial<TransportTimeouts>;
}

const DEFAULT_TIMEOUTS: TransportTimeouts = {
  disconnectedUs: 7_000_000,
  failedUs: 30_000_000,
  iceUs: 30_000_000,
  dtlsUs: 30_000_000,
};

interface UfragEntry {
  readonly credentials: IceCredentials;
  readonly transport: WebRtcTransport;
}

/**
 * All WebRTC transports of one UDP port: STUN finds its transport by ufrag, DTLS by the address that a nomination set.
 * `onDatagram` and `onRemoteClosed` are the parts of MediaIoHandler of the same name; `poll` is to be called a few times
 * a second. Everything happens on the calling thread.
 */
export class WebRtcServer {
  readonly #mediaIo: MediaIo;
  readonly #dtls: DtlsProvider;
  readonly #byUfrag = new Map<string, UfragEntry>();
  readonly #byHandle = new Map<TransportHandle, WebRtcTransport>();
  readonly #counters = createWebRtcCounters();
  readonly #request = new StunMessageView();
  readonly #answer = new StunAnswerWriter();
  readonly #context: WebRtcTransportContext;

  constructor({ mediaIo, dtls, timeouts }: WebRtcServerOptions) {
    this.#mediaIo = mediaIo;
    this.#dtls = dtls;
    this.#context = {
      mediaIo,
      dtls,
      timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
      counters: this.#counters,
      onCredentials: (credentials, transport) => this.#byUfrag.set(credentials.ufrag, { credentials, transport }),
      onCredentialsRetired: ({ ufrag }) => this.#byUfrag.delete(ufrag),
      onClosed: ({ handle }) => this.#byHandle.delete(handle),
    };
  }

  /** Of the server's certificate, for SDP. */
  get fingerprint(): DtlsFingerprint {
    return this.#dtls.fingerprint;
  }

  /** Transports that are not closed. */
  get transportCount(): number {
    return this.#byHandle.size;
  }

  /** A new transport, in state "new". */
  createTransport({ handler }: { handler: WebRtcTransportHandler }): WebRtcTransport {
    const transport = new WebRtcTransport(this.#context, handler);
    this.#byHandle.set(transport.handle, transport);
    return transport;
  }

  /** STUN and DTLS from the I/O backend. Never throws, whatever the bytes. */
  onDatagram(bytes: Uint8Array, remote: RemoteAddress, transport: TransportHandle | 0, arrivalUs: MonoUs): void {
    const first = bytes[0] ?? 255;
    if (first <= 3) this.#receiveStun(bytes, remote, arrivalUs);
    else if (first >= 20 && first <= 63) this.#receiveDtls(bytes, transport);
    else this.#drop("unknown-protocol");
  }

  /** A TCP client went away. */
  onRemoteClosed(remote: RemoteAddress): void {
    for (const transport of this.#byHandle.values()) transport.remoteClosed(remote);
  }

  /** Lets time pass: consent, time-outs. */
  poll(nowUs: MonoUs): void {
    for (const transport of this.#byHandle.values()) transport.poll(nowUs);
  }

  /** The live counters: to be read, not kept. */
  counters(): Readonly<WebRtcCounters> {
    return this.#counters;
  }

  /** Closes all transports. Idempotent. */
  close(): void {
    for (const transport of [...this.#byHandle.values()]) transport.close();
  }

  #receiveStun(bytes: Uint8Array, remote: RemoteAddress, nowUs: MonoUs): void {
    const request = this.#request;
    if (!request.read(bytes)) return this.#drop("stun-malformed");
    if (request.type !== StunType.BINDING_REQUEST) return this.#drop("stun-not-a-request");
    const ufrag = request.localUfrag();
    if (ufrag === "") return this.#drop("stun-no-username");
    const entry = this.#byUfrag.get(ufrag);
    if (entry === undefined) return this.#drop("stun-unknown-ufrag");
    this.#answerCheck(entry, remote, nowUs);
  }

  #answerCheck({ credentials, transport }: UfragEntry, remote: RemoteAddress, nowUs: MonoUs): void {
    const request = this.#request;
    const { pwd } = credentials;
    const outcome = transport.check(request, credentials, remote, nowUs);
    switch (outcome) {
      case "answer":
      case "answer-and-move":
        this.#counters.stunAnswers += 1;
        this.#send(remote, this.#answer.success(request, remote.address, remote.port, pwd));
        break;
      case "role-conflict":
        this.#counters.stunRoleConflicts += 1;
        this.#send(remote, this.#answer.roleConflict(request, pwd));
        break;
      case "unknown-attribute":
        this.#send(remote, this.#answer.unknownAttribute(request, pwd));
        break;
      default:
        this.#drop(`stun-${outcome}`);
    }
  }

  #receiveDtls(bytes: Uint8Array, handle: TransportHandle | 0): void {
    const transport = handle === 0 ? undefined : this.#byHandle.get(handle);
    if (transport === undefined) this.#drop("dtls-unknown-source");
    else transport.receiveDtls(bytes);
  }

  #send(remote: RemoteAddress, bytes: Uint8Array): void {
    this.#mediaIo.sendDatagram(remote, bytes);
  }

  #drop(reason: WebRtcDropReason): void {
    this.#counters.drops[reason] += 1;
  }
}
