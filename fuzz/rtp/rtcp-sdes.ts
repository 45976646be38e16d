import { ByeReader, writeBye } from "@cation/rtp/rtcp-bye";
import { RtcpType } from "@cation/rtp/rtcp-reader";
import { SdesReader } from "@cation/rtp/rtcp-sdes";
import type { Ssrc } from "@cation/rtp/units";
import { Digest } from "../digest.ts";
import { MAX_STEPS, REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** Chunks with several items, as RFC 3550 §6.5 allows and captures do not have. */
const SEVERAL_CHUNKS = Uint8Array.of(
  ...[0x82, 202, 0, 6, 0, 0, 0, 1, 1, 2, 0x61, 0x62, 12, 1, 0x71, 0],
  ...[0, 0, 0, 3, 15, 3, 0x6d, 0x69, 0x64, 0, 0, 0],
);

/** Source descriptions. */
export function sdes(corpus: Corpus): FuzzTarget {
  const reader = new SdesReader();
  const digest = new Digest();
  return {
    name: "rtcp-sdes",
    seeds: [...corpus.rtcp(RtcpType.SDES), SEVERAL_CHUNKS],
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      for (let steps = 0; reader.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(reader.ssrc);
        digest.number(reader.itemType);
        digest.range(bytes, reader.valueOffset, reader.valueBytes);
      }
      digest.flag(reader.malformed);
      return digest.value;
    },
  };
}

/** Goodbyes. */
export function bye(): FuzzTarget {
  const reader = new ByeReader();
  const digest = new Digest();
  const seed = new Uint8Array(20);
  writeBye(seed, 0, [1 as Ssrc, 0xffff_fff0 as Ssrc], 2, Uint8Array.of(0x67, 0x6f, 0x6e, 0x65));
  return {
    name: "rtcp-bye",
    seeds: [seed, seed.slice(0, 12)],
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      for (let i = 0; i < reader.ssrcCount; i++) digest.number(reader.ssrc(i));
      if (reader.reasonOffset >= 0) digest.range(bytes, reader.reasonOffset, reader.reasonBytes);
      return digest.value;
    },
  };
}
