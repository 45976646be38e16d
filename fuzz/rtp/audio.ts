import { opusChannels, opusPacketTicks } from "@cation/rtp/payload/opus";
import { RedPayload } from "@cation/rtp/payload/red";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** Opus packets. */
export function opus(corpus: Corpus): FuzzTarget {
  const digest = new Digest();
  return {
    name: "opus",
    seeds: [...corpus.payloads("audio/opus"), Uint8Array.of(0x7b, 3, 1, 2, 3)],
    read(bytes, offset, length) {
      const ticks = opusPacketTicks(bytes, offset, length);
      if (ticks < 0) return REFUSED;
      if (ticks === 0 || ticks > 5760) throw new Error(`${ticks} ticks`);
      digest.start(offset, offset + length);
      digest.number(ticks);
      digest.number(opusChannels(bytes[offset]));
      return digest.value;
    },
  };
}

/** Redundant blocks. */
export function red(corpus: Corpus): FuzzTarget {
  const payload = new RedPayload();
  const digest = new Digest();
  return {
    name: "red",
    seeds: corpus.payloads("audio/red"),
    read(bytes, offset, length) {
      if (!payload.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(payload.primaryPayloadType);
      digest.range(bytes, payload.primaryOffset, payload.primaryBytes);
      for (let i = 0; i < payload.blockCount; i++) {
        digest.number(payload.payloadType(i));
        digest.number(payload.timestampOffset(i));
        digest.range(bytes, payload.blockOffset(i), payload.blockBytes(i));
      }
      return digest.value;
    },
  };
}
