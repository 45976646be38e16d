import type { LocalDescription } from "./local-description.ts";
import type { OfferedMedia, PublisherOffer } from "./publisher-offer.ts";
import {
  codecLines,
  extensionLines,
  joinLines,
  mediaLines,
  rejectedLines,
  sessionLines,
  transportLines,
} from "./sdp-lines.ts";
import type { SdpLines } from "./sdp-lines.ts";

/**
 * The answer to a publisher's offer (RFC 9429 §5.3): ICE-lite, DTLS-passive, receiving what is sent, rejecting with
 * port 0 what `parsePublisherOffer` did not accept.
 */
export function writePublisherAnswer(offer: PublisherOffer, local: LocalDescription): string {
  const accepted = offer.media.filter((media) => media.accepted);
  const bundle = offer.bundle.length > 0 ? accepted.map(({ mid }) => mid) : [];
  const first = accepted[0];
  return joinLines([
    ...sessionLines(local, bundle, offer.extmapAllowMixed),
    ...offer.media.flatMap((media) =>
      media.accepted ? acceptedLines(media, local, media === first) : rejection(media),
    ),
  ]);
}

function acceptedLines(media: OfferedMedia, local: LocalDescription, withCandidates: boolean): SdpLines {
  const receives = media.direction === "sendrecv" || media.direction === "sendonly";
  return [
    ...mediaLines(media.line.kind, media.line.protocol, media.codecs),
    ...transportLines(local, "passive", withCandidates),
    ...(media.mid === "" ? [] : [`a=mid:${media.mid}`]),
    ...extensionLines(media.extensions),
    receives ? "a=recvonly" : "a=inactive",
    ...(media.rtcpRsize ? ["a=rtcp-rsize"] : []),
    ...codecLines(media.codecs),
    ...ridLines(media),
  ];
}

/** RFC 8853 §5.2: streams that the answer does not name are not sent. */
function ridLines(media: OfferedMedia): SdpLines {
  const rids = media.encodings.map(({ rid }) => rid).filter((rid) => rid !== "");
  const simulcast = media.simulcast ? [`a=simulcast:recv ${rids.join(";")}`] : [];
  return [...rids.map((rid) => `a=rid:${rid} recv`), ...simulcast];
}

function rejection({ line, mid }: OfferedMedia): SdpLines {
  return rejectedLines(line.kind, line.protocol, line.formats.join(" ") || "0", mid);
}
