import { RtcpReader } from "@cation/rtp/rtcp-reader";
import { Digest } from "../digest.ts";
import { MAX_STEPS, REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** Stepping through a compound packet. */
export function rtcpCompound(corpus: Corpus): FuzzTarget {
  const reader = new RtcpReader();
  const digest = new Digest();
  return {
    name: "rtcp-compound",
    seeds: corpus.packets("rtcp"),
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      for (let steps = 0; reader.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(reader.packetType);
        digest.number(reader.format);
        digest.range(bytes, reader.offset, reader.byteLength);
      }
      digest.flag(reader.malformed);
      if (reader.next()) throw new Error("goes on after its end");
      return digest.value;
    },
  };
}
