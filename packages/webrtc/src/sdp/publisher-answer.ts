import { write } from "sdp-transform";
import type { MediaDescription } from "sdp-transform";
import type { LocalDescription } from "./local-description.ts";
import type { OfferedMedia, PublisherOffer } from "./publisher-offer.ts";
import { codecLines, extensionLines, sessionLines, transportLines } from "./sdp-lines.ts";

/**
 * The answer to a publisher's offer (RFC 9429 §5.3): ICE-lite, DTLS-passive, receiving what is sent, rejecting with
 * port 0 what `parsePublisherOffer` did not accept.
 */
export function writePublisherAnswer(offer: PublisherOffer, local: LocalDescription): string {
  const accepted = offer.media.filter((media) => media.accepted);
  const bundle = offer.bundle.length > 0 ? accepted.map(({ mid }) => mid) : [];
  const first = accepted[0];
  return write({
    ...sessionLines(local, bundle),
    ...(offer.extmapAllowMixed ? {} : { extmapAllowMixed: undefined }),
    media: offer.media.map((media) =>
      media.accepted ? acceptedSection(media, local, media === first) : rejectedSection(media),
    ),
  });
}

function acceptedSection(media: OfferedMedia, local: LocalDescription, withCandidates: boolean): MediaDescription {
  const receives = media.direction === "sendrecv" || media.direction === "sendonly";
  return {
    type: media.line.kind,
    port: 9,
    protocol: media.line.protocol,
    ...codecLines(media.codecs),
    ...transportLines(local, "passive", withCandidates),
    ...(media.mid === "" ? {} : { mid: media.mid }),
    ext: extensionLines(media.extensions),
    direction: receives ? "recvonly" : "inactive",
    ...(media.rtcpRsize ? { rtcpRsize: "rtcp-rsize" } : {}),
    ...ridLines(media),
  };
}

/** RFC 8853 §5.2: streams that the answer does not name are not sent. */
function ridLines(media: OfferedMedia): Partial<MediaDescription> {
  const rids = media.encodings.map(({ rid }) => rid).filter((rid) => rid !== "");
  if (rids.length === 0) return {};
  return {
    rids: rids.map((id) => ({ id, direction: "recv" })),
    ...(media.simulcast ? { simulcast: { dir1: "recv", list1: rids.join(";") } } : {}),
  };
}

function rejectedSection(media: OfferedMedia): MediaDescription {
  return {
    type: media.line.kind,
    port: 0,
    protocol: media.line.protocol,
    payloads: media.line.formats.join(" ") || "0",
    connection: { version: 4, ip: "0.0.0.0" },
    rtp: [],
    fmtp: [],
    ...(media.mid === "" ? {} : { mid: media.mid }),
    direction: "inactive",
  };
}
