import { Av1Payload, ObuType, isAv1KeyframeStart } from "@cation/rtp/payload/av1";
import { Av1SequenceHeader } from "@cation/rtp/payload/av1-sequence-header";
import { Digest } from "../digest.ts";
import { MAX_STEPS, REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** AV1 aggregation headers, element lengths and OBU headers. */
export function av1(corpus: Corpus): FuzzTarget {
  const payload = new Av1Payload();
  const digest = new Digest();
  return {
    name: "av1",
    seeds: corpus.payloads("video/AV1"),
    read(bytes, offset, length) {
      const starts = isAv1KeyframeStart(bytes, offset, length);
      if (!payload.set(bytes, offset, length)) return starts ? -1 : REFUSED;
      if (starts !== payload.keyframe) throw new Error("keyframe or not");
      digest.start(offset, offset + length);
      digest.flag(payload.keyframe);
      for (let steps = 0; payload.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(payload.obuType);
        digest.number(payload.temporalId * 4 + payload.spatialId);
        const end = payload.elementOffset + payload.elementBytes;
        digest.range(bytes, payload.elementOffset, payload.elementBytes);
        digest.range(bytes, payload.obuPayloadOffset, end - payload.obuPayloadOffset);
      }
      return digest.value;
    },
  };
}

/** Sequence headers. */
export function av1SequenceHeader(corpus: Corpus): FuzzTarget {
  const header = new Av1SequenceHeader();
  const digest = new Digest();
  return {
    name: "av1-sequence-header",
    seeds: sequenceHeadersOf(corpus),
    read(bytes, offset, length) {
      if (!header.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(header.profile);
      digest.number(header.maxWidth);
      digest.number(header.maxHeight);
      digest.number(header.operatingPointCount);
      return digest.value;
    },
  };
}

function sequenceHeadersOf(corpus: Corpus): Uint8Array[] {
  const payload = new Av1Payload();
  const found: Uint8Array[] = [];
  for (const bytes of corpus.payloads("video/AV1")) {
    payload.set(bytes, 0, bytes.length);
    while (payload.next()) {
      if (payload.obuType !== ObuType.SEQUENCE_HEADER) continue;
      found.push(bytes.slice(payload.obuPayloadOffset, payload.elementOffset + payload.elementBytes));
    }
  }
  return found;
}
