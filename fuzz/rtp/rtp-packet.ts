import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** Fixed header, CSRCs, both forms of extensions, padding. */
export function rtpPacket(corpus: Corpus): FuzzTarget {
  const view = new RtpPacketView();
  const digest = new Digest();
  return {
    name: "rtp-packet",
    seeds: corpus.packets("rtp"),
    read(bytes, offset, length) {
      if (!view.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(view.payloadType);
      digest.flag(view.marker);
      digest.number(view.sequenceNumber);
      digest.number(view.timestamp);
      digest.number(view.ssrc);
      for (let i = 0; i < view.csrcCount; i++) digest.number(view.csrc(i));
      digest.range(bytes, offset, view.headerBytes);
      digest.range(bytes, view.payloadOffset, view.payloadBytes);
      digest.range(bytes, view.payloadOffset + view.payloadBytes, view.paddingBytes);
      if (view.headerBytes + view.payloadBytes + view.paddingBytes !== length) throw new Error("lengths do not add up");
      digest.flag(view.hasTruncatedExtension());
      for (let id = 0; id < 20; id++) {
        const position = view.findExtension(id);
        if (position < 0) digest.number(position);
        else digest.range(bytes, position, view.extensionBytes);
      }
      return digest.value;
    },
  };
}
