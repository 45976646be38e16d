import { H264Payload, NalType, isH264KeyframeStart } from "@cation/rtp/payload/h264";
import { H264Sps } from "@cation/rtp/payload/h264-sps";
import { Digest } from "../digest.ts";
import { MAX_STEPS, REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** H264 payloads: single NAL units, aggregates, fragments. */
export function h264(corpus: Corpus): FuzzTarget {
  const payload = new H264Payload();
  const digest = new Digest();
  return {
    name: "h264",
    seeds: corpus.payloads("video/H264"),
    read(bytes, offset, length) {
      const starts = isH264KeyframeStart(bytes, offset, length);
      if (!payload.set(bytes, offset, length)) {
        if (starts) throw new Error("a keyframe starts in a refused payload");
        return REFUSED;
      }
      if (starts !== payload.keyframe) throw new Error("keyframe or not");
      digest.start(offset, offset + length);
      digest.flag(payload.keyframe);
      digest.flag(payload.hasSps);
      digest.flag(payload.hasPps);
      digest.flag(payload.hasIdr);
      digest.flag(payload.startsNalUnit);
      digest.flag(payload.endsNalUnit);
      for (let steps = 0; payload.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(payload.nalType);
        digest.range(bytes, payload.nalOffset, payload.nalBytes);
      }
      return digest.value;
    },
  };
}

/** Sequence parameter sets. */
export function h264Sps(corpus: Corpus): FuzzTarget {
  const sps = new H264Sps();
  const digest = new Digest();
  return {
    name: "h264-sps",
    seeds: spsOf(corpus),
    read(bytes, offset, length) {
      if (!sps.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(sps.profileIdc);
      digest.number(sps.constraintFlags);
      digest.number(sps.levelIdc);
      digest.number(sps.width);
      digest.number(sps.height);
      if (sps.width <= 0 || sps.height <= 0) throw new Error(`size ${sps.width}×${sps.height}`);
      return digest.value;
    },
  };
}

function spsOf(corpus: Corpus): Uint8Array[] {
  const payload = new H264Payload();
  const found: Uint8Array[] = [];
  for (const bytes of corpus.payloads("video/H264")) {
    payload.set(bytes, 0, bytes.length);
    while (payload.next()) {
      if (payload.nalType !== NalType.SPS || payload.packetType === NalType.FU_A) continue;
      found.push(bytes.slice(payload.nalOffset, payload.nalOffset + payload.nalBytes));
    }
  }
  return found;
}
