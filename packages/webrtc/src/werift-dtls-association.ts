import { ReplayWindow } from "@cation/media-io/replay-window";
import type { SrtpProfile } from "@cation/media-io/media-io";
import type { DtlsServer } from "werift";
import { matchesFingerprint } from "./dtls-certificate.ts";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import { readClientHello } from "./dtls-client-hello.ts";
import { DtlsHandshakeReassembler } from "./dtls-handshake-reassembler.ts";
import type { DtlsHandshakeMessage } from "./dtls-handshake-reassembler.ts";
import { firstCertificate, isCertificateVerifyValid, isClientFinishedValid } from "./dtls-proof.ts";
import { AlertDescription, ContentType, DTLS_1_2, isPlausibleDtls, readRecords, writeRecord } from "./dtls-record.ts";
import type { DtlsRecord } from "./dtls-record.ts";
import type { DtlsAssociation, DtlsCloseReason, DtlsFingerprint, DtlsHandler } from "./dtls.ts";
import { SRTP_PROFILES, srtpKeyLengths } from "./srtp-profiles.ts";
import { createWeriftServer, toWeriftHandshake, toWeriftRecord } from "./werift-server.ts";

export interface WeriftDtlsAssociationOptions {
  readonly certificate: DtlsCertificate;
  readonly expected: readonly DtlsFingerprint[];
  readonly handshakeTimeoutMs: number;
  readonly handler: DtlsHandler;
}

const HandshakeType = {
  CLIENT_HELLO: 1,
  CERTIFICATE: 11,
  CERTIFICATE_VERIFY: 15,
  CLIENT_KEY_EXCHANGE: 16,
  FINISHED: 20,
} as const;

/** What the client must send next. */
type Expected = keyof typeof HandshakeType | "NOTHING";

const MAX_QUEUED_DATAGRAMS = 32;
/** Records of epoch 1 that overtook the key exchange. */
const MAX_UNDECRYPTED = 4;
/** Flights are cut so, below every path's MTU (RFC 6347 §4.1.1.1). */
const MAX_DATAGRAM_BYTES = 1_200;
const FIRST_RETRANSMIT_MS = 400;
/** Explicit nonce and tag of AES-GCM (RFC 5288 §3). */
const GCM_OVERHEAD_BYTES = 24;
/**
 * werift numbers the protected records from 1 again after its Finished, which had a higher number under the same key. A
 * number that comes twice would repeat a GCM nonce, so they go on from here.
 */
const FIRST_PROTECTED_SEQUENCE = 256;

/**
 * A DTLS server association around werift's DtlsServer, which parses, negotiates, derives keys and builds flights, but
 * trusts its client. This class stands before it: records, reassembly, replays, repetition of flights and the order of
 * messages are its own, and a message reaches werift only when it is complete, next in turn and proven:
 *
 * - the client must send a certificate, and CertificateVerify must be its key's signature over the transcript,
 * - the certificate must be one that SDP announced,
 * - Finished must come encrypted and with the right verify_data,
 * - after that no handshake message does anything (no renegotiation).
 */
export class WeriftDtlsAssociation implements DtlsAssociation {
  readonly #options: WeriftDtlsAssociationOptions;
  readonly #server: DtlsServer;
  readonly #reassembler = new DtlsHandshakeReassembler();
  readonly #replays = new ReplayWindow();
  readonly #inbox: Buffer[] = [];
  readonly #undecrypted: DtlsRecord[] = [];
  #expects: Expected = "CLIENT_HELLO";
  #certificateDer: Buffer = Buffer.alloc(0);
  /** What werift has sent during the current call. */
  #outbox: Buffer[] = [];
  /** The last flight, for when the client did not get it. */
  #flight: readonly Buffer[] = [];
  #pumping = false;
  #closed = false;
  #handshakeTimer: NodeJS.Timeout;
  #retransmitTimer: NodeJS.Timeout | undefined;

  constructor(options: WeriftDtlsAssociationOptions) {
    this.#options = options;
    this.#server = createWeriftServer(options.certificate, (bytes) => this.#outbox.push(bytes));
    this.#handshakeTimer = setTimeout(() => this.#fail("handshake-timeout"), options.handshakeTimeoutMs);
  }

  receive(datagram: Uint8Array): void {
    if (this.#closed || this.#inbox.length >= MAX_QUEUED_DATAGRAMS) return;
    const copy = Buffer.from(datagram);
    // What is no DTLS must not fill the queue.
    if (!isPlausibleDtls(copy)) return;
    this.#inbox.push(copy);
    this.#schedule();
  }

  sendData(data: Uint8Array): void {
    if (this.#closed || this.#expects !== "NOTHING") return;
    this.#sendProtected(ContentType.APPLICATION_DATA, Buffer.from(data));
  }

  close(): void {
    if (this.#closed) return;
    if (this.#expects === "NOTHING") {
      this.#sendProtected(ContentType.ALERT, Buffer.of(1, AlertDescription.CLOSE_NOTIFY));
    }
    this.#end("closed-locally");
  }

  /** One datagram a turn of the event loop: a handshake must not hold up media for longer than one message takes. */
  #schedule(): void {
    if (this.#pumping || this.#inbox.length === 0) return;
    this.#pumping = true;
    setImmediate(() => void this.#pump());
  }

  async #pump(): Promise<void> {
    const datagram = this.#inbox.shift();
    try {
      if (datagram !== undefined) await this.#process(datagram);
    } catch {
      this.#fail("handshake-failed");
    }
    this.#pumping = false;
    this.#schedule();
  }

  async #process(datagram: Buffer): Promise<void> {
    for (const record of readRecords(datagram)) {
      if (this.#closed) return;
      if (record.epoch === 0) await this.#receivePlain(record);
      else if (record.epoch === 1) await this.#receiveProtected(record);
    }
  }

  async #receivePlain(record: DtlsRecord): Promise<void> {
    const connected = this.#expects === "NOTHING";
    if (record.type === ContentType.HANDSHAKE) await this.#receiveHandshake(record.fragment, 0);
    // Nobody vouches for a plain alert: it can end a handshake, not a connection.
    else if (record.type === ContentType.ALERT && !connected && record.fragment[0] === 2) {
      this.#end("handshake-failed");
    }
  }

  async #receiveProtected(record: DtlsRecord): Promise<void> {
    if (this.#server.cipher.cipher === undefined) {
      if (this.#undecrypted.length < MAX_UNDECRYPTED) this.#undecrypted.push(record);
      return;
    }
    const content = this.#decrypt(record);
    if (content === undefined) return;
    if (record.type === ContentType.HANDSHAKE) {
      await this.#receiveHandshake(content, 1);
    } else if (record.type === ContentType.APPLICATION_DATA) {
      if (this.#expects === "NOTHING") this.#options.handler.onData(content);
    } else if (record.type === ContentType.ALERT) {
      const over = content[0] === 2 || content[1] === AlertDescription.CLOSE_NOTIFY;
      if (over) this.#end(this.#expects === "NOTHING" ? "closed-by-peer" : "handshake-failed");
    }
  }

  #decrypt(record: DtlsRecord): Buffer | undefined {
    if (record.fragment.length < GCM_OVERHEAD_BYTES) return undefined;
    if (this.#replays.check(record.sequenceNumber) !== "fresh") return undefined;
    try {
      const content = this.#server.cipher.decryptPacket(toWeriftRecord(record));
      this.#replays.accept(record.sequenceNumber);
      return content;
    } catch {
      return undefined;
    }
  }

  async #receiveHandshake(fragments: Buffer, epoch: 0 | 1): Promise<void> {
    let repeated = false;
    const messages = this.#reassembler.push(
      fragments,
      (type) => (type === HandshakeType.FINISHED) === (epoch === 1),
      (type) => {
        repeated ||= type === HandshakeType.CLIENT_HELLO || type === HandshakeType.FINISHED;
      },
    );
    for (const message of messages) {
      if (!this.#closed) await this.#receiveMessage(message);
    }
    if (repeated && !this.#closed) this.#sendFlight();
  }

  async #receiveMessage(message: DtlsHandshakeMessage): Promise<void> {
    if (this.#expects === "NOTHING") return;
    if (message.type !== HandshakeType[this.#expects]) {
      const unproven = this.#expects === "CERTIFICATE" || this.#expects === "CERTIFICATE_VERIFY";
      return this.#fail(unproven ? "proof-failed" : "handshake-failed");
    }
    switch (this.#expects) {
      case "CLIENT_HELLO":
        return this.#receiveClientHello(message);
      case "CERTIFICATE":
        return this.#receiveCertificate(message);
      case "CLIENT_KEY_EXCHANGE":
        return this.#receiveClientKeyExchange(message);
      case "CERTIFICATE_VERIFY":
        return this.#receiveCertificateVerify(message);
      case "FINISHED":
        return this.#receiveFinished(message);
    }
  }

  async #receiveClientHello(message: DtlsHandshakeMessage): Promise<void> {
    const hello = readClientHello(message.body);
    if (hello === undefined) return this.#fail("handshake-failed");
    if (!SRTP_PROFILES.some((profile) => hello.srtpProfiles.includes(profile))) {
      return this.#fail("no-srtp-profile");
    }
    const { dtls } = this.#server;
    if (hello.cookie.length === 0 && message.sequence === 0) {
      await this.#feed(message);
      return this.#sendFlight(this.#takeFlight());
    }
    if (dtls.cookie === undefined || !hello.cookie.equals(dtls.cookie)) {
      return this.#fail("handshake-failed");
    }
    // Sends at once, and resolves when its own retransmission is over: which it is at its next look at `flight`.
    this.#feed(message).catch(() => this.#fail("handshake-failed"));
    dtls.flight = 6;
    this.#expects = "CERTIFICATE";
    this.#sendFlight(this.#takeFlight());
    this.#retransmitAfter(FIRST_RETRANSMIT_MS);
  }

  async #receiveCertificate(message: DtlsHandshakeMessage): Promise<void> {
    const der = firstCertificate(message.body);
    if (der === undefined) return this.#fail("proof-failed");
    this.#certificateDer = der;
    await this.#feed(message);
    this.#expects = "CLIENT_KEY_EXCHANGE";
  }

  async #receiveClientKeyExchange(message: DtlsHandshakeMessage): Promise<void> {
    await this.#feed(message);
    this.#expects = "CERTIFICATE_VERIFY";
    for (const record of this.#undecrypted.splice(0)) await this.#receiveProtected(record);
  }

  async #receiveCertificateVerify(message: DtlsHandshakeMessage): Promise<void> {
    if (!isCertificateVerifyValid(message.body, this.#certificateDer, this.#transcript())) {
      return this.#fail("proof-failed");
    }
    if (!matchesFingerprint(this.#certificateDer, this.#options.expected)) {
      return this.#fail("fingerprint-mismatch");
    }
    await this.#feed(message);
    this.#expects = "FINISHED";
  }

  async #receiveFinished(message: DtlsHandshakeMessage): Promise<void> {
    const { cipher, dtls } = this.#server;
    if (!isClientFinishedValid(message.body, cipher.masterSecret, this.#transcript())) {
      return this.#fail("proof-failed");
    }
    dtls.flight = 5;
    await this.#feed(message);
    dtls.recordSequenceNumber = FIRST_PROTECTED_SEQUENCE;
    this.#expects = "NOTHING";
    this.#stopTimers();
    this.#sendFlight(this.#takeFlight());
    this.#announceKeys();
  }

  #announceKeys(): void {
    const profile = this.#server.srtp.srtpProfile as SrtpProfile | undefined;
    if (profile === undefined) return this.#fail("no-srtp-profile");
    const { keyBytes, saltBytes } = srtpKeyLengths(profile);
    this.#options.handler.onConnected({
      profile,
      ...this.#server.extractSessionKeys(keyBytes, saltBytes),
    });
  }

  /** All handshake messages so far, as both sides hash them (RFC 6347 §4.2.6). */
  #transcript(): Buffer {
    return Buffer.concat(this.#server.dtls.sortedHandshakeCache.map((part) => part.serialize()));
  }

  #feed(message: DtlsHandshakeMessage): Promise<void> {
    return this.#server.onHandleHandshakes([toWeriftHandshake(message)]);
  }

  /** What werift just sent, in as few datagrams as it fits. */
  #takeFlight(): Buffer[] {
    const datagrams: Buffer[] = [];
    for (const record of this.#outbox.splice(0)) {
      const last = datagrams.at(-1);
      if (last !== undefined && last.length + record.length <= MAX_DATAGRAM_BYTES) {
        datagrams[datagrams.length - 1] = Buffer.concat([last, record]);
      } else datagrams.push(record);
    }
    return datagrams;
  }

  #sendFlight(flight = this.#flight): void {
    this.#flight = flight;
    for (const datagram of flight) this.#options.handler.onSend(datagram);
  }

  #retransmitAfter(delayMs: number): void {
    this.#retransmitTimer = setTimeout(() => {
      this.#sendFlight();
      this.#retransmitAfter(delayMs * 2);
    }, delayMs);
  }

  #sendProtected(type: number, fragment: Buffer): void {
    const { cipher, dtls } = this.#server;
    dtls.recordSequenceNumber += 1;
    const { recordSequenceNumber: sequenceNumber } = dtls;
    const record = { type, version: DTLS_1_2, epoch: 1, sequenceNumber, fragment };
    const encrypted = cipher.encryptPacket(toWeriftRecord(record)).fragment;
    this.#options.handler.onSend(writeRecord({ ...record, fragment: encrypted }));
  }

  /** Gives up, and says so to the client, so that it need not wait for its own time-out. */
  #fail(reason: DtlsCloseReason): void {
    if (this.#closed) return;
    const description =
      reason === "fingerprint-mismatch"
        ? AlertDescription.BAD_CERTIFICATE
        : reason === "proof-failed"
          ? AlertDescription.DECRYPT_ERROR
          : AlertDescription.HANDSHAKE_FAILURE;
    if (this.#expects !== "NOTHING") {
      const sequenceNumber = this.#server.dtls.recordSequenceNumber + 1;
      const fragment = Buffer.of(2, description);
      const type = ContentType.ALERT;
      const alert = { type, version: DTLS_1_2, epoch: 0, sequenceNumber, fragment };
      this.#options.handler.onSend(writeRecord(alert));
    }
    this.#end(reason);
  }

  #end(reason: DtlsCloseReason): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimers();
    this.#inbox.length = 0;
    this.#flight = [];
    // Whatever of werift still sleeps ends when it wakes.
    this.#server.dtls.flight = 6;
    this.#options.handler.onClosed(reason);
  }

  #stopTimers(): void {
    clearTimeout(this.#handshakeTimer);
    clearTimeout(this.#retransmitTimer);
  }
}
