import type { SrtpKeys } from "@cation/media-io/media-io";
import type { SrtpProfile } from "@cation/media-io/media-io";
import type { DtlsFingerprint } from "@cation/webrtc/dtls";
import { matchesFingerprint } from "@cation/webrtc/dtls-certificate";
import { srtpKeyLengths } from "@cation/webrtc/srtp-profiles";
import { DtlsClient as WeriftDtlsClient, HashAlgorithm, SignatureAlgorithm } from "werift";
import type { BotCertificate } from "./certificate.ts";

/** AES-128-GCM, then AES-CM with SHA-1: what Chromium offers, as far as werift has it. */
const PROFILES = [0x0007, 0x0001] as const;
/** Beyond every flight: werift stops repeating its own. */
const NO_FLIGHT = 99;

export interface DtlsClientOptions {
  readonly certificate: BotCertificate;
  /** Of the server, from its SDP. */
  readonly expected: readonly DtlsFingerprint[];
  readonly send: (datagram: Uint8Array) => void;
  readonly onConnected: (keys: SrtpKeys) => void;
  readonly onFailed: (error: Error) => void;
  /** The server said close_notify. */
  readonly onClosed: () => void;
}

/** The client's side of DTLS-SRTP (RFC 5764), by werift. */
export class DtlsClient {
  readonly #options: DtlsClientOptions;
  readonly #socket: { onData: (bytes: Buffer) => void };
  readonly #client: WeriftDtlsClient;
  #done = false;

  constructor(options: DtlsClientOptions) {
    const { certificate, send } = options;
    this.#options = options;
    this.#socket = { onData: () => undefined };
    const transport = Object.assign(this.#socket, {
      type: "udp",
      send: (bytes: Buffer) => Promise.resolve(send(bytes)),
      close: () => Promise.resolve(),
    });
    this.#client = new WeriftDtlsClient({
      transport: transport as never,
      cert: certificate.certificate.certificatePem,
      key: certificate.certificate.privateKeyPem,
      signatureHash: { hash: HashAlgorithm.sha256_4, signature: SignatureAlgorithm.ecdsa_3 },
      srtpProfiles: [...PROFILES],
      certificateRequest: true,
      extendedMasterSecret: true,
    });
    this.#client.onConnect.subscribe(() => this.#connected());
    this.#client.onClose.subscribe(() => this.#closed());
    this.#client.onError.subscribe((error) => this.#fail(error));
    this.#client.connect().catch((error: unknown) => this.#fail(new Error("DTLS handshake failed", { cause: error })));
  }

  /** A datagram from the server. */
  receive(datagram: Uint8Array): void {
    this.#socket.onData(Buffer.from(datagram));
  }

  /** Ends the repetition of flights. Nothing is called after it. Idempotent. */
  close(): void {
    this.#done = true;
    this.#client.dtls.flight = NO_FLIGHT;
    this.#client.close();
  }

  #connected(): void {
    if (this.#done) return;
    const { expected, onConnected } = this.#options;
    const { remoteCertificate, srtp } = this.#client;
    if (!remoteCertificate || !matchesFingerprint(remoteCertificate, expected)) {
      return this.#fail(new Error("the server's certificate is not the one of its SDP"));
    }
    const profile = srtp.srtpProfile as SrtpProfile | undefined;
    if (profile === undefined) return this.#fail(new Error("no SRTP profile in common"));
    const { keyBytes, saltBytes } = srtpKeyLengths(profile);
    onConnected({ profile, ...this.#client.extractSessionKeys(keyBytes, saltBytes) });
  }

  #closed(): void {
    if (this.#done) return;
    this.#done = true;
    this.#options.onClosed();
  }

  #fail(error: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#client.dtls.flight = NO_FLIGHT;
    this.#options.onFailed(error);
  }
}
