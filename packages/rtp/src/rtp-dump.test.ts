import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRtpDump, parseRtpDump } from "./rtp-dump.ts";

const record = fc.record({
  kind: fc.constantFrom("rtp" as const, "rtcp" as const),
  timeMs: fc.integer({ min: 0, max: 0xffff_ffff }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }),
});

describe("rtpdump files", () => {
  it("read back", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), (records) => {
        expect(parseRtpDump(encodeRtpDump(records))).toEqual(records);
      }),
    );
  });

  it("are refused where they are none, or cut inside a record", () => {
    const file = encodeRtpDump([
      { kind: "rtp", timeMs: 0, bytes: Uint8Array.of(1, 2, 3) },
      { kind: "rtcp", timeMs: 5, bytes: Uint8Array.of(4) },
    ]);
    const header = file.length - 8 - 3 - 8 - 1;
    const readable = [];
    for (let length = 0; length <= file.length; length++) {
      const records = parseRtpDump(file.subarray(0, length));
      if (records !== undefined) readable.push([length, records.length]);
    }
    expect(readable).toEqual([
      [header, 0],
      [header + 11, 1],
      [file.length, 2],
    ]);
    expect(parseRtpDump(new TextEncoder().encode("#!rtpplay2.0 x\n"))).toBeUndefined();
  });
});
