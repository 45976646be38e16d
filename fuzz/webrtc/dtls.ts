import { X509Certificate } from "node:crypto";
import { createDtlsCertificate } from "@cation/webrtc/dtls-certificate";
import { readClientHello } from "@cation/webrtc/dtls-client-hello";
import { DtlsHandshakeReassembler } from "@cation/webrtc/dtls-handshake-reassembler";
import { firstCertificate, isCertificateVerifyValid } from "@cation/webrtc/dtls-proof";
import { ContentType, isPlausibleDtls, readRecords } from "@cation/webrtc/dtls-record";
import { DtlsTestClient } from "@cation/webrtc/testing/dtls-test-client";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";

const HANDSHAKE_HEADER_BYTES = 12;

/** The first datagram of a werift client. */
function clientHello(): Buffer {
  let sent = Buffer.alloc(0);
  const client = new DtlsTestClient({
    certificate: createDtlsCertificate(0),
    send: (datagram) => (sent = Buffer.from(datagram)),
  });
  client.connect();
  client.stop();
  return sent;
}

/** Records, and the handshake messages in them put together. */
export function dtlsRecords(): FuzzTarget {
  const digest = new Digest();
  const hello = clientHello();
  return {
    name: "dtls-records",
    seeds: [hello, Buffer.concat([hello, Buffer.from("15fefd000000000000000100020228", "hex")])],
    read(bytes, offset, length) {
      const datagram = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
      const records = readRecords(datagram);
      if (records.length === 0) return REFUSED;
      const reassembler = new DtlsHandshakeReassembler();
      digest.start(0, length);
      digest.flag(isPlausibleDtls(datagram));
      for (const { type, epoch, sequenceNumber, fragment } of records) {
        digest.number(type);
        digest.number(epoch);
        digest.number(sequenceNumber);
        digest.range(datagram, fragment.byteOffset - datagram.byteOffset, fragment.length);
        if (type !== ContentType.HANDSHAKE) continue;
        const repeated = (again: number): void => digest.number(again);
        for (const message of reassembler.push(fragment, () => true, repeated)) {
          digest.number(message.type);
          digest.number(message.sequence);
          digest.number(message.body.length);
        }
      }
      return digest.value;
    },
  };
}

/** ClientHello messages. */
export function dtlsClientHello(): FuzzTarget {
  const digest = new Digest();
  const [record] = readRecords(clientHello());
  return {
    name: "dtls-client-hello",
    seeds: [record.fragment.subarray(HANDSHAKE_HEADER_BYTES)],
    read(bytes, offset, length) {
      const hello = readClientHello(Buffer.from(bytes.buffer, bytes.byteOffset + offset, length));
      if (hello === undefined) return REFUSED;
      digest.start(0, length);
      digest.number(hello.cookie.length);
      for (const profile of hello.srtpProfiles) digest.number(profile);
      return digest.value;
    },
  };
}

/** Certificate messages, and proofs for what is in them. */
export function dtlsCertificate(): FuzzTarget {
  const digest = new Digest();
  const der = new X509Certificate(createDtlsCertificate(0).certificatePem).raw;
  const message = Buffer.concat([Buffer.alloc(6), der]);
  message.writeUIntBE(der.length + 3, 0, 3);
  message.writeUIntBE(der.length, 3, 3);
  const proof = Buffer.from("040300080102030405060708", "hex");
  return {
    name: "dtls-certificate",
    seeds: [message],
    read(bytes, offset, length) {
      const body = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
      const certificate = firstCertificate(body);
      if (certificate === undefined) return REFUSED;
      digest.start(0, length);
      digest.range(body, certificate.byteOffset - body.byteOffset, certificate.length);
      if (isCertificateVerifyValid(proof, certificate, body)) throw new Error("nothing was signed");
      return digest.value;
    },
  };
}
