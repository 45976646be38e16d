import { encodeRtpDump, parseRtpDump } from "@cation/rtp/rtp-dump";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";

/** Capture files. */
export function rtpDump(): FuzzTarget {
  const digest = new Digest();
  const records = [
    { kind: "rtp", timeMs: 0, bytes: new Uint8Array(20).fill(1) },
    { kind: "rtcp", timeMs: 5, bytes: new Uint8Array(8).fill(2) },
    { kind: "rtp", timeMs: 70_000, bytes: new Uint8Array(12).fill(3) },
  ] as const;
  return {
    name: "rtp-dump",
    seeds: [encodeRtpDump(records)],
    read(bytes, offset, length) {
      const found = parseRtpDump(bytes.subarray(offset, offset + length));
      if (found === undefined) return REFUSED;
      digest.start(offset, offset + length);
      for (const record of found) {
        digest.flag(record.kind === "rtp");
        digest.number(record.timeMs);
        digest.range(bytes, record.bytes.byteOffset - bytes.byteOffset, record.bytes.length);
      }
      return digest.value;
    },
  };
}
