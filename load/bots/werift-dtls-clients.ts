import { X509Certificate } from "node:crypto";
import type { SrtpProfile } from "@cation/media-io/media-io";
import type { DtlsFingerprint } from "@cation/webrtc/dtls";
import { fingerprintOf, matchesFingerprint } from "@cation/webrtc/dtls-certificate";
import type { DtlsCertificate } from "@cation/webrtc/dtls-certificate";
import { srtpKeyLengths } from "@cation/webrtc/srtp-profiles";
import { DtlsClient as WeriftDtlsClient, HashAlgorithm, SignatureAlgorithm } from "werift";
import type { DtlsClient, DtlsClientHandler, DtlsClients } from "./dtls-clients.ts";

/** AES-128-GCM, then AES-CM with SHA-1: what Chromium offers, as far as werift has it. */
const PROFILES = [0x0007, 0x0001] as const;
/** Beyond every flight: werift stops repeating its own. */
const NO_FLIGHT = 99;

/** DTLS clients by werift, where no addon is: about 15 ms of CPU each, on the thread of the caller. */
export class WeriftDtlsClients implements DtlsClients {
  readonly backend = "werift";
  readonly fingerprint: DtlsFingerprint;
  readonly #certificate: DtlsCertificate;

  constructor(certificate: DtlsCertificate) {
    this.#certificate = certificate;
    this.fingerprint = fingerprintOf(new X509Certificate(certificate.certificatePem).raw);
  }

  connect(expected: readonly DtlsFingerprint[], handler: DtlsClientHandler): DtlsClient {
    return new WeriftClient(this.#certificate, expected, handler);
  }

  close(): void {
    // Each association ends by its own.
  }
}

class WeriftClient implements DtlsClient {
  readonly #expected: readonly DtlsFingerprint[];
  readonly #handler: DtlsClientHandler;
  readonly #socket: { onData: (bytes: Buffer) => void };
  readonly #client: WeriftDtlsClient;
  #done = false;

  constructor(certificate: DtlsCertificate, expected: readonly DtlsFingerprint[], handler: DtlsClientHandler) {
    this.#expected = expected;
    this.#handler = handler;
    this.#socket = { onData: () => undefined };
    const transport = Object.assign(this.#socket, {
      type: "udp",
      send: (bytes: Buffer) => Promise.resolve(handler.onSend(bytes)),
      close: () => Promise.resolve(),
    });
    this.#client = new WeriftDtlsClient({
      transport: transport as never,
      cert: certificate.certificatePem,
      key: certificate.privateKeyPem,
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

  receive(datagram: Uint8Array): void {
    this.#socket.onData(Buffer.from(datagram));
  }

  close(): void {
    this.#done = true;
    this.#client.dtls.flight = NO_FLIGHT;
    this.#client.close();
  }

  #connected(): void {
    if (this.#done) return;
    const { remoteCertificate, srtp } = this.#client;
    if (!remoteCertificate || !matchesFingerprint(remoteCertificate, this.#expected)) {
      return this.#fail(new Error("the server's certificate is not the one of its SDP"));
    }
    const profile = srtp.srtpProfile as SrtpProfile | undefined;
    if (profile === undefined) return this.#fail(new Error("no SRTP profile in common"));
    const { keyBytes, saltBytes } = srtpKeyLengths(profile);
    this.#handler.onConnected({ profile, ...this.#client.extractSessionKeys(keyBytes, saltBytes) });
  }

  #closed(): void {
    if (this.#done) return;
    this.#done = true;
    this.#handler.onClosed();
  }

  #fail(error: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#client.dtls.flight = NO_FLIGHT;
    this.#handler.onFailed(error);
  }
}
