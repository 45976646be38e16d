import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absurdRanges, acceptedPrefixes } from "../fixtures/malformed.ts";
import { loadFixture } from "../fixtures/fixture.ts";
import { writePli } from "./rtcp-pli.ts";
import { RtcpReader, RtcpType } from "./rtcp-reader.ts";
import { writeReceiverReport } from "./rtcp-receiver-report.ts";
import type { Ssrc } from "./units.ts";

const SENDER = 0x1111_1111 as Ssrc;
const MEDIA = 0x2222_2222 as Ssrc;

function walk(bytes: Uint8Array, offset: number, length: number): unknown {
  const reader = new RtcpReader();
  if (!reader.set(bytes, offset, length)) return undefined;
  const packets = [];
  while (reader.next()) {
    packets.push([reader.packetType, reader.count, reader.offset - offset, reader.byteLength]);
  }
  return { packets, malformed: reader.malformed };
}

describe("RtcpReader", () => {
  it("steps through a compound", () => {
    const bytes = new Uint8Array(100);
    const end = writePli(bytes, writeReceiverReport(bytes, 2, SENDER, [], 0), SENDER, MEDIA);
    expect(walk(bytes, 2, end - 2)).toEqual({
      packets: [
        [RtcpType.RECEIVER_REPORT, 0, 0, 8],
        [RtcpType.PAYLOAD_FEEDBACK, 1, 8, 12],
      ],
      malformed: false,
    });
  });

  it("takes single feedback messages (RFC 5506)", () => {
    const bytes = new Uint8Array(12);
    writePli(bytes, 0, SENDER, MEDIA);
    expect(walk(bytes, 0, 12)).toEqual({ packets: [[206, 1, 0, 12]], malformed: false });
  });

  it("stops where a length lies, and keeps what came before", () => {
    const bytes = new Uint8Array(20);
    writePli(bytes, writeReceiverReport(bytes, 0, SENDER, [], 0), SENDER, MEDIA);
    bytes[11] = 3;
    expect(walk(bytes, 0, 20)).toEqual({ packets: [[201, 0, 0, 8]], malformed: true });
    bytes[11] = 2;
    bytes[8] = 0x41;
    expect(walk(bytes, 0, 20)).toEqual({ packets: [[201, 0, 0, 8]], malformed: true });
  });

  it("takes padding off, and refuses what is longer than the packet or of length 0", () => {
    const bytes = Uint8Array.of(0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4);
    expect(walk(bytes, 0, 12)).toEqual({ packets: [[201, 0, 0, 8]], malformed: false });
    for (const padding of [0, 9, 255]) {
      bytes[11] = padding;
      expect(walk(bytes, 0, 12)).toEqual({ packets: [], malformed: true });
    }
  });

  it("never reads outside its range, whatever the prefix", () => {
    for (const { bytes } of loadFixture("chromium-rtcp-lossy").records) {
      expect(acceptedPrefixes(bytes, walk)).toHaveLength(bytes.length - 3);
    }
  });

  it("refuses ranges that are none", () => {
    const bytes = new Uint8Array(12);
    writePli(bytes, 0, SENDER, MEDIA);
    for (const [offset, length] of absurdRanges(bytes)) expect(walk(bytes, offset, length)).toBeUndefined();
  });

  it("ends on anything, and each packet lies inside", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const reader = new RtcpReader();
        if (!reader.set(bytes, 0, bytes.length)) return;
        let last = 0;
        while (reader.next()) {
          expect(reader.offset).toBeGreaterThanOrEqual(last);
          expect(reader.byteLength).toBeGreaterThanOrEqual(4);
          last = reader.offset + reader.byteLength;
          expect(last).toBeLessThanOrEqual(bytes.length);
        }
      }),
    );
  });
});
