import { DtlsServer, HashAlgorithm, SignatureAlgorithm } from "werift";
import type { DtlsCertificate } from "./dtls-certificate.ts";
import type { DtlsHandshakeMessage } from "./dtls-handshake-reassembler.ts";
import { HANDSHAKE_HEADER_BYTES } from "./dtls-record.ts";
import type { DtlsRecord } from "./dtls-record.ts";
import { SRTP_PROFILES } from "./srtp-profiles.ts";

type WeriftHandshake = Parameters<DtlsServer["onHandleHandshakes"]>[0][number];
type WeriftRecord = Parameters<DtlsServer["cipher"]["decryptPacket"]>[0];
type WeriftTransport = ConstructorParameters<typeof DtlsServer>[0]["transport"];

/** A DtlsServer that takes nothing in by itself; what it sends goes to `onSend`. */
export function createWeriftServer(certificate: DtlsCertificate, onSend: (bytes: Buffer) => void): DtlsServer {
  const transport = {
    send: async (bytes: Buffer) => onSend(bytes),
    close: async () => {},
  };
  return new DtlsServer({
    transport: transport as unknown as WeriftTransport,
    cert: certificate.certificatePem,
    key: certificate.privateKeyPem,
    signatureHash: {
      hash: HashAlgorithm.sha256_4,
      signature: SignatureAlgorithm.ecdsa_3,
    },
    // Its type lacks AEAD_AES_256_GCM; the value is only compared and echoed.
    srtpProfiles: [...SRTP_PROFILES] as (1 | 7)[],
    certificateRequest: true,
    extendedMasterSecret: true,
  });
}

/** A whole message. werift does not export the class; it uses these fields of it. */
export function toWeriftHandshake({ type, sequence, body }: DtlsHandshakeMessage): WeriftHandshake {
  const header = Buffer.alloc(HANDSHAKE_HEADER_BYTES);
  header.writeUInt8(type, 0);
  header.writeUIntBE(body.length, 1, 3);
  header.writeUInt16BE(sequence, 4);
  header.writeUIntBE(body.length, 9, 3);
  return {
    msg_type: type,
    length: body.length,
    message_seq: sequence,
    fragment_offset: 0,
    fragment_length: body.length,
    fragment: body,
    summary: {},
    serialize: () => Buffer.concat([header, body]),
  } as unknown as WeriftHandshake;
}

/** A record of werift's record layer, with its fragment encrypted or not. */
export function toWeriftRecord(record: DtlsRecord): WeriftRecord {
  return {
    recordLayerHeader: {
      contentType: record.type,
      protocolVersion: { major: record.version >>> 8, minor: record.version & 0xff },
      epoch: record.epoch,
      sequenceNumber: record.sequenceNumber,
      contentLen: record.fragment.length,
    },
    fragment: record.fragment,
  } as unknown as WeriftRecord;
}
