import type { NativeDtlsServerClass } from "@cation/media-io/native-dtls";
import type { DtlsAssociation, DtlsFingerprint } from "@cation/webrtc/dtls";
import type { DtlsCertificate } from "@cation/webrtc/dtls-certificate";
import { ThreadedDtlsProvider } from "@cation/webrtc/threaded-dtls";
import type { DtlsClient, DtlsClientHandler, DtlsClients } from "./dtls-clients.ts";

/** OpenSSL's names: what Chromium offers. */
const SRTP_PROFILES = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
const HANDSHAKE_TIMEOUT_MS = 30_000;

/** DTLS clients by the OpenSSL inside the node binary, on a thread of their own: a tenth of werift's CPU. */
export class OpensslDtlsClients implements DtlsClients {
  readonly backend = "openssl";
  readonly #provider: ThreadedDtlsProvider;

  /** `DtlsClientThread` is the addon's DtlsClient. */
  constructor(DtlsClientThread: NativeDtlsServerClass, certificate: DtlsCertificate) {
    const options = { ...certificate, srtpProfiles: SRTP_PROFILES, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS };
    this.#provider = new ThreadedDtlsProvider(
      "openssl",
      certificate,
      (listener) => new DtlsClientThread(options, listener),
    );
  }

  get fingerprint(): DtlsFingerprint {
    return this.#provider.fingerprint;
  }

  connect(expected: readonly DtlsFingerprint[], handler: DtlsClientHandler): DtlsClient {
    let over = false;
    // The provider speaks as a server: what it calls ours is the server's, and the other way round.
    const association: DtlsAssociation = this.#provider.createServer(expected, {
      onSend: (datagram) => handler.onSend(datagram),
      onConnected: ({ profile, localKey, localSalt, remoteKey, remoteSalt }) => {
        if (over) return;
        const keys = { localKey: remoteKey, localSalt: remoteSalt, remoteKey: localKey, remoteSalt: localSalt };
        handler.onConnected({ profile, ...keys });
      },
      onData: () => undefined,
      onClosed: (reason) => {
        if (over) return;
        over = true;
        if (reason === "closed-by-peer") handler.onClosed();
        else handler.onFailed(new Error(`DTLS: ${reason}`));
      },
    });
    return {
      receive: (datagram) => association.receive(datagram),
      close: () => {
        over = true;
        association.close();
      },
    };
  }

  close(): void {
    this.#provider.close();
  }
}
