import { DelaySinceLastRr, XrReader, writeDelaySinceLastRr, writeReceiverReferenceTime } from "@cation/rtp/rtcp-xr";
import { RtcpType } from "@cation/rtp/rtcp-reader";
import type { Ssrc } from "@cation/rtp/units";
import { Digest } from "../digest.ts";
import { MAX_STEPS, REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** Extended reports. */
export function xr(corpus: Corpus): FuzzTarget {
  const reader = new XrReader();
  const item = new DelaySinceLastRr();
  const digest = new Digest();
  const reference = new Uint8Array(20);
  writeReceiverReferenceTime(reference, 0, 1 as Ssrc, 2, 3);
  const delays = new Uint8Array(36);
  writeDelaySinceLastRr(delays, 0, 1 as Ssrc, [item, item], 2);
  return {
    name: "rtcp-xr",
    seeds: [...corpus.rtcp(RtcpType.EXTENDED_REPORT), reference, delays],
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(reader.senderSsrc);
      for (let steps = 0; reader.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(reader.blockType);
        digest.range(bytes, reader.blockOffset, reader.blockBytes);
        digest.number(reader.ntpSeconds);
        digest.number(reader.ntpFraction);
        for (let i = 0; reader.readItem(i, item); i++) {
          digest.number(item.ssrc);
          digest.number(item.lastRr);
          digest.number(item.delaySinceLastRr);
        }
      }
      digest.flag(reader.malformed);
      return digest.value;
    },
  };
}
