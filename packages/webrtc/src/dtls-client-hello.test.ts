import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDtlsCertificate } from "./dtls-certificate.ts";
import { readClientHello } from "./dtls-client-hello.ts";
import { readRecords } from "./dtls-record.ts";
import { DtlsTestClient } from "./testing/dtls-test-client.ts";

/** Body of the first ClientHello of a werift client. */
function weriftHello(profiles: readonly number[]): Buffer {
  const sent: Buffer[] = [];
  const certificate = createDtlsCertificate(Date.now());
  const client = new DtlsTestClient({ certificate, profiles, send: (datagram) => sent.push(datagram) });
  client.connect();
  client.stop();
  const [record] = readRecords(sent[0] ?? Buffer.alloc(0));
  return Buffer.from(record?.fragment.subarray(12) ?? []);
}

describe("readClientHello", () => {
  const hello = weriftHello([7, 1]);

  it("reads cookie and SRTP profiles", () => {
    expect(readClientHello(hello)).toEqual({ cookie: Buffer.alloc(0), srtpProfiles: [7, 1] });
    expect(readClientHello(weriftHello([]))?.srtpProfiles).toEqual([]);
  });

  it("reads nothing that is cut off or goes on", () => {
    for (let length = 0; length < hello.length; length += 1) {
      expect(readClientHello(hello.subarray(0, length))).toBeUndefined();
    }
    expect(readClientHello(Buffer.concat([hello, Buffer.of(0)]))).toBeUndefined();
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 80 }), (at, value, noise) => {
        const changed = Buffer.from(hello);
        changed[at] = value;
        readClientHello(changed);
        readClientHello(Buffer.from(noise));
        readClientHello(Buffer.concat([hello.subarray(0, at), noise]));
      }),
    );
  });
});
