/** Session descriptions of a client, as short as they can be. */

export interface OfferedLine {
  readonly mid: string;
  readonly kind: "audio" | "video";
  readonly direction?: "sendonly" | "inactive";
  readonly ssrc?: number;
  readonly rids?: readonly string[];
}

const MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid";

export interface OfferOptions {
  readonly ufrag?: string;
  /** Two hex digits, of which the certificate's digest is made. */
  readonly certificate?: string;
}

export function testOffer(lines: readonly OfferedLine[], options: OfferOptions = {}): string {
  const { ufrag = "client", certificate = "BB" } = options;
  return [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    `a=group:BUNDLE ${lines.map(({ mid }) => mid).join(" ")}`,
    ...lines.flatMap((line) => mediaLines(line, ufrag, certificate)),
    "",
  ].join("\r\n");
}

function mediaLines(line: OfferedLine, ufrag: string, certificate: string): string[] {
  const { mid, kind, direction = "sendonly", ssrc, rids = [] } = line;
  const codec =
    kind === "audio"
      ? ["a=rtpmap:111 opus/48000/2"]
      : ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli"];
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${kind === "audio" ? 111 : 96}`,
    "c=IN IP4 0.0.0.0",
    `a=ice-ufrag:${ufrag}`,
    "a=ice-pwd:clientPasswordClientPassword",
    `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => certificate).join(":")}`,
    "a=setup:actpass",
    `a=mid:${mid}`,
    `a=extmap:1 ${MID_URI}`,
    "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    `a=${direction}`,
    "a=rtcp-mux",
    ...codec,
    ...(ssrc === undefined ? [] : [`a=ssrc:${ssrc} cname:x`]),
    ...rids.map((rid) => `a=rid:${rid} send`),
    ...(rids.length > 0 ? [`a=simulcast:send ${rids.join(";")}`] : []),
  ];
}

/** An answer that takes everything. */
export function testAnswer(offer: string): string {
  return offer
    .split("\r\n")
    .filter((line) => !/^a=(candidate|ssrc|msid|end-of-candidates|ice-lite)/.test(line))
    .map((line) =>
      line
        .replace("a=sendonly", "a=recvonly")
        .replace("a=setup:actpass", "a=setup:active")
        .replace(/^a=ice-ufrag:.*/, "a=ice-ufrag:client"),
    )
    .join("\r\n");
}
