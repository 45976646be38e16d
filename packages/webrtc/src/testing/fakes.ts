import type { TransportHandle } from "@cation/engine/ids";
import { SrtpProfile } from "@cation/media-io/media-io";
import type { MediaIo, RemoteAddress, SrtpKeys } from "@cation/media-io/media-io";
import type { MonoUs } from "@cation/rtp/units";
import type { DtlsAssociation, DtlsFingerprint, DtlsHandler, DtlsProvider } from "../dtls.ts";

/** Stand-ins for what a WebRtcServer is made of, with a clock that the test moves. */

/** Remembers what it was told. */
export class FakeMediaIo {
  timeUs = 1_000_000;
  readonly open = new Set<TransportHandle>();
  readonly remotes = new Map<TransportHandle, RemoteAddress>();
  readonly keys = new Map<TransportHandle, SrtpKeys>();
  readonly sent: { remote: RemoteAddress; bytes: Buffer }[] = [];
  #next = 1;

  nowUs(): MonoUs {
    return this.timeUs as MonoUs;
  }

  openTransport(): TransportHandle {
    const handle = this.#next++ as TransportHandle;
    this.open.add(handle);
    return handle;
  }

  closeTransport(handle: TransportHandle): void {
    this.open.delete(handle);
    this.remotes.delete(handle);
    this.keys.delete(handle);
  }

  setRemote(handle: TransportHandle, remote: RemoteAddress): void {
    this.remotes.set(handle, remote);
  }

  setSrtpKeys(handle: TransportHandle, keys: SrtpKeys): void {
    this.keys.set(handle, keys);
  }

  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void {
    this.sent.push({ remote, bytes: Buffer.from(bytes) });
  }

  /** Only what a WebRtcServer uses is there. */
  asMediaIo(): MediaIo {
    return this as unknown as MediaIo;
  }
}

export class FakeAssociation implements DtlsAssociation {
  readonly received: Buffer[] = [];
  readonly sent: Buffer[] = [];
  closed = false;
  readonly expected: readonly DtlsFingerprint[];
  readonly handler: DtlsHandler;

  constructor(expected: readonly DtlsFingerprint[], handler: DtlsHandler) {
    this.expected = expected;
    this.handler = handler;
  }

  receive(datagram: Uint8Array): void {
    this.received.push(Buffer.from(datagram));
  }

  sendData(data: Uint8Array): void {
    this.sent.push(Buffer.from(data));
  }

  close(): void {
    this.closed = true;
  }
}

/** Its associations do what the test says. */
export class FakeDtls implements DtlsProvider {
  readonly backend = "werift";
  readonly fingerprint: DtlsFingerprint = { algorithm: "sha-256", value: "AB" };
  readonly associations: FakeAssociation[] = [];

  createServer(expected: readonly DtlsFingerprint[], handler: DtlsHandler): FakeAssociation {
    const association = new FakeAssociation(expected, handler);
    this.associations.push(association);
    return association;
  }

  close(): void {}
}

export const SOME_KEYS: SrtpKeys = {
  profile: SrtpProfile.AEAD_AES_128_GCM,
  localKey: Buffer.alloc(16, 1),
  localSalt: Buffer.alloc(12, 2),
  remoteKey: Buffer.alloc(16, 3),
  remoteSalt: Buffer.alloc(12, 4),
};
