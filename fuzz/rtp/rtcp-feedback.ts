import { FirReader, writeFir } from "@cation/rtp/rtcp-fir";
import { NackReader, writeNack } from "@cation/rtp/rtcp-nack";
import { PliReader } from "@cation/rtp/rtcp-pli";
import { RtcpType } from "@cation/rtp/rtcp-reader";
import { RembReader, writeRemb } from "@cation/rtp/rtcp-remb";
import type { Ssrc } from "@cation/rtp/units";
import { Digest } from "../digest.ts";
import { MAX_STEPS, REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

const SENDER = 1 as Ssrc;
const MEDIA = 0xffff_fff0 as Ssrc;

/** Generic NACKs. */
export function nack(corpus: Corpus): FuzzTarget {
  const reader = new NackReader();
  const digest = new Digest();
  const seed = new Uint8Array(40);
  const end = writeNack(seed, 0, SENDER, MEDIA, [65_530, 65_535, 3, 40, 41, 42, 300], 0, 7);
  return {
    name: "rtcp-nack",
    seeds: [...corpus.rtcp(RtcpType.TRANSPORT_FEEDBACK, 1), seed.slice(0, end)],
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(reader.senderSsrc);
      digest.number(reader.mediaSsrc);
      for (let steps = 0; reader.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(reader.sequenceNumber);
      }
      return digest.value;
    },
  };
}

/** Picture loss indications. */
export function pli(corpus: Corpus): FuzzTarget {
  const reader = new PliReader();
  const digest = new Digest();
  return {
    name: "rtcp-pli",
    seeds: corpus.rtcp(RtcpType.PAYLOAD_FEEDBACK, 1),
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(reader.senderSsrc);
      digest.number(reader.mediaSsrc);
      return digest.value;
    },
  };
}

/** Full intra requests. */
export function fir(): FuzzTarget {
  const reader = new FirReader();
  const digest = new Digest();
  const seed = new Uint8Array(20);
  writeFir(seed, 0, SENDER, MEDIA, 7);
  return {
    name: "rtcp-fir",
    seeds: [seed],
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(reader.senderSsrc);
      for (let steps = 0; reader.next(); steps++) {
        if (steps > MAX_STEPS) throw new Error("does not end");
        digest.number(reader.ssrc);
        digest.number(reader.commandSequence);
      }
      return digest.value;
    },
  };
}

/** Receiver-estimated maximum bitrates. */
export function remb(): FuzzTarget {
  const reader = new RembReader();
  const digest = new Digest();
  const seed = new Uint8Array(28);
  writeRemb(seed, 0, SENDER, 2_500_000, [SENDER, MEDIA], 2);
  return {
    name: "rtcp-remb",
    seeds: [seed],
    read(bytes, offset, length) {
      if (!reader.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(reader.senderSsrc);
      digest.number(reader.bitrateBps);
      if (!Number.isSafeInteger(reader.bitrateBps)) throw new Error(`bitrate ${reader.bitrateBps}`);
      for (let i = 0; i < reader.ssrcCount; i++) digest.number(reader.ssrc(i));
      return digest.value;
    },
  };
}
