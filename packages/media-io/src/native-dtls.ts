/** The class DtlsServer of native/dtls_binding.cc: all associations of one certificate, on a thread of their own. */
export interface NativeDtlsServer {
  /** A new association; `digest` is OpenSSL's name of the hash function. */
  open(id: number, expected: readonly { readonly digest: string; readonly value: Uint8Array }[]): void;
  /** Copied. Dropped where the association's queue is full. */
  receive(id: number, datagram: Uint8Array): void;
  sendData(id: number, data: Uint8Array): void;
  closeAssociation(id: number): void;
  /** Ends the thread, which closes what is open. The events of that still come. Idempotent. */
  close(): void;
}

/** Kinds of events. `code` is the SRTP profile of CONNECTED and the reason of CLOSED. */
export const NativeDtlsEvent = { SEND: 0, CONNECTED: 1, DATA: 2, CLOSED: 3 } as const;

/** Makes a NativeDtlsServer. Throws where OpenSSL takes no such certificate, key or profiles. */
export type NativeDtlsServerClass = new (
  options: {
    readonly certificatePem: string;
    readonly privateKeyPem: string;
    /** OpenSSL's names joined by colons, most wanted first. */
    readonly srtpProfiles: string;
    readonly handshakeTimeoutMs: number;
  },
  /** Called on the thread of the caller, never from inside a call. The bytes are the callee's. */
  onEvent: (id: number, kind: number, code: number, bytes: Buffer) => void,
) => NativeDtlsServer;
