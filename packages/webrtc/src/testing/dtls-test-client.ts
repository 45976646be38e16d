import { DtlsClient, HashAlgorithm, SignatureAlgorithm } from "werift";
import { createDtlsCertificate } from "../dtls-certificate.ts";
import type { DtlsCertificate } from "../dtls-certificate.ts";

/** What a client in a test does wrong. All but the first must never connect. */
export type Misbehaviour =
  | "none"
  /** Shows the certificate, but signs with another key. */
  | "wrong-key"
  /** Shows the certificate and never proves anything. */
  | "no-certificate-verify"
  /** As if no certificate had been asked for. */
  | "no-certificate"
  /** Its Finished does not match the transcript. */
  | "wrong-finished"
  /** Its Finished is sent in the clear. */
  | "plain-finished";

/** The parts of werift's flight 5 that attacks replace. */
interface Flight5 {
  sendCertificateVerify: () => Buffer | undefined;
  sendFinished: () => Buffer;
}

/** A DTLS client for tests, by werift, honest or not. */
export class DtlsTestClient {
  readonly received: Buffer[] = [];
  connected = false;
  closed = false;
  readonly #client: DtlsClient;
  readonly #transport: { onData: (bytes: Buffer) => void };

  constructor(options: {
    certificate: DtlsCertificate;
    misbehaviour?: Misbehaviour;
    profiles?: readonly number[];
    send: (datagram: Buffer) => void;
  }) {
    const { certificate, misbehaviour = "none", profiles = [7, 1] } = options;
    const transport: { onData: (bytes: Buffer) => void; send: unknown; close: unknown } = {
      onData: () => {},
      send: async (bytes: Buffer) => options.send(bytes),
      close: async () => {},
    };
    this.#transport = transport;
    const keyHolder = misbehaviour === "wrong-key" ? createDtlsCertificate(Date.now()) : certificate;
    this.#client = new DtlsClient({
      transport: transport as never,
      cert: certificate.certificatePem,
      key: keyHolder.privateKeyPem,
      signatureHash: { hash: HashAlgorithm.sha256_4, signature: SignatureAlgorithm.ecdsa_3 },
      srtpProfiles: [...profiles] as (1 | 7)[],
      certificateRequest: true,
      extendedMasterSecret: true,
    });
    this.#client.onConnect.subscribe(() => (this.connected = true));
    this.#client.onData.subscribe((data) => this.received.push(data));
    this.#client.onClose.subscribe(() => (this.closed = true));
    this.#client.onError.subscribe(() => {});
    misbehave(this.#client, misbehaviour);
  }

  connect(): void {
    this.#client.connect().catch(() => {});
  }

  /** A datagram from the server. */
  receive(datagram: Uint8Array): void {
    this.#transport.onData(Buffer.from(datagram));
  }

  send(data: Buffer): void {
    void this.#client.send(data);
  }

  get srtpProfile(): number | undefined {
    return this.#client.srtp.srtpProfile;
  }

  keys(keyBytes: number, saltBytes: number): ReturnType<DtlsClient["extractSessionKeys"]> {
    return this.#client.extractSessionKeys(keyBytes, saltBytes);
  }

  /** Ends werift's retransmissions. */
  stop(): void {
    this.#client.dtls.flight = 99;
  }
}

function misbehave(client: DtlsClient, misbehaviour: Misbehaviour): void {
  if (misbehaviour === "wrong-finished") {
    client.cipher.verifyData = () => Buffer.alloc(12, 7);
  }
  if (misbehaviour === "no-certificate") {
    Object.defineProperty(client.dtls, "requestedCertificateTypes", { get: () => [], set() {} });
  }
  const handle = client.onHandleHandshakes;
  client.onHandleHandshakes = (messages) => {
    const { flight5 } = client as unknown as { flight5?: Flight5 };
    if (messages.some(({ msg_type: type }) => type === 14) && flight5 !== undefined) {
      if (misbehaviour === "no-certificate-verify") flight5.sendCertificateVerify = () => undefined;
      if (misbehaviour === "plain-finished") sendFinishedInTheClear(client, flight5);
    }
    return handle(messages);
  };
}

function sendFinishedInTheClear(client: DtlsClient, flight5: Flight5): void {
  const encrypt = client.cipher.encryptPacket.bind(client.cipher);
  const sendFinished = flight5.sendFinished.bind(flight5);
  flight5.sendFinished = () => {
    client.cipher.encryptPacket = (packet) => {
      packet.recordLayerHeader.epoch = 0;
      return packet;
    };
    const bytes = sendFinished();
    client.cipher.encryptPacket = encrypt;
    return bytes;
  };
}
