import { HEADER_EXTENSION_URIS } from "@cation/engine/header-extensions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OFFER_FIXTURES, readFixture } from "../testing/sdp-fixtures.ts";
import type { FixtureName } from "../testing/sdp-fixtures.ts";
import { MAX_OFFER_BYTES, parsePublisherOffer } from "./publisher-offer.ts";
import type { OfferedMedia } from "./publisher-offer.ts";
import { SdpError } from "./sdp-error.ts";

const CHROMIUM = readFixture("chromium-offer-simulcast");

function media(name: FixtureName, kind: OfferedMedia["kind"]): OfferedMedia {
  const found = parsePublisherOffer(readFixture(name)).media.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} in ${name}`);
  return found;
}

function codeOf(sdp: string): string {
  try {
    parsePublisherOffer(sdp);
    return "none";
  } catch (error) {
    return error instanceof SdpError ? error.code : `threw ${String(error)}`;
  }
}

describe("parsePublisherOffer", () => {
  it.each(OFFER_FIXTURES)("reads %s", (name) => {
    const offer = parsePublisherOffer(readFixture(name));
    expect(offer.iceUfrag.length).toBeGreaterThanOrEqual(4);
    expect(offer.fingerprints).toHaveLength(1);
    expect(offer.fingerprints[0]?.algorithm).toBe("sha-256");
    expect(offer.setup).toBe("actpass");
    const [audio, video] = offer.media;
    expect(audio).toMatchObject({ mid: "0", kind: "audio", accepted: true });
    expect(video).toMatchObject({ mid: "1", kind: "video", accepted: true });
    const hasRed = !name.startsWith("firefox");
    expect(audio?.codecs.map(({ mimeType }) => mimeType)).toEqual(
      hasRed ? ["audio/opus", "audio/red"] : ["audio/opus"],
    );
    expect(video?.codecs.map(({ mimeType }) => mimeType)).toContain("video/VP8");
    expect(video?.codecs.every((codec) => codec.feedback.nack && codec.feedback.pli)).toBe(true);
    expect(audio?.extensions.mid).toBeGreaterThan(0);
    expect(video?.extensions.mid).toBeGreaterThan(0);
  });

  it("pairs each codec with its RTX", () => {
    const { codecs } = media("chromium-offer-simulcast", "video");
    expect(codecs.find(({ mimeType }) => mimeType === "video/VP8")).toMatchObject({
      payloadType: 96,
      rtxPayloadType: 97,
      clockRateHz: 90_000,
      channels: 0,
    });
    expect(codecs.every(({ rtxPayloadType }) => rtxPayloadType > 0)).toBe(true);
  });

  it("keeps what opus asks for", () => {
    expect(media("chromium-offer-simulcast", "audio").codecs[0]).toMatchObject({
      payloadType: 111,
      channels: 2,
      fmtp: "minptime=10;useinbandfec=1",
    });
    expect(media("firefox-offer-simulcast", "audio").codecs[0]?.fmtp).toContain("useinbandfec=1");
  });

  it("leaves out what is not forwarded", () => {
    const names = media("safari-offer-single", "video").codecs.map(({ mimeType }) => mimeType);
    expect(new Set(names)).toEqual(new Set(["video/H264", "video/VP8", "video/VP9"]));
    const av1 = media("chromium-offer-simulcast", "video").codecs.filter(({ mimeType }) => mimeType === "video/AV1");
    expect(av1.every(({ fmtp }) => !fmtp.includes("profile=1"))).toBe(true);
  });

  it("takes RED beside what it wraps, not alone", () => {
    const offered = (sdp: string): unknown =>
      parsePublisherOffer(sdp).media[0]?.codecs.map(({ mimeType }) => mimeType.toLowerCase());
    expect(offered(CHROMIUM)).toEqual(["audio/opus", "audio/red"]);
    expect(offered(CHROMIUM.replaceAll("opus/48000/2", "other/48000/2"))).toEqual([]);
  });

  it("takes the dependency descriptor where AV1 is preferred, nowhere else", () => {
    const video = (sdp: string): OfferedMedia | undefined =>
      parsePublisherOffer(sdp).media.find(({ kind }) => kind === "video");
    const uri = HEADER_EXTENSION_URIS.dependencyDescriptor;
    const withDescriptor = CHROMIUM.replace(/(m=video[^]*?)(a=extmap:)/, `$1a=extmap:12 ${uri}\r\n$2`);
    expect(video(withDescriptor)?.extensions.dependencyDescriptor).toBe(0);
    const av1 = /a=rtpmap:(\d+) AV1\/90000/.exec(withDescriptor)?.[1];
    const preferred = withDescriptor.replace(/(m=video \d+ \S+ )/, `$1${av1} `);
    expect(video(preferred)?.codecs[0]?.mimeType).toBe("video/AV1");
    expect(video(preferred)?.extensions.dependencyDescriptor).toBe(12);
    const oneByteOnly = preferred.replaceAll("a=extmap-allow-mixed\r\n", "");
    expect(video(oneByteOnly)?.extensions.dependencyDescriptor).toBe(0);
  });

  it.each([
    ["chromium-offer-simulcast", ["q", "h", "f"]],
    ["firefox-offer-simulcast", ["low", "high"]],
    ["wrtc-offer-simulcast", ["q", "f"]],
  ] as const)("finds the rids of %s", (name, rids) => {
    const video = media(name, "video");
    expect(video.simulcast).toBe(true);
    expect(video.encodings).toEqual(rids.map((rid) => ({ rid, ssrc: 0, rtxSsrc: 0 })));
    expect(video.extensions.rid).toBeGreaterThan(0);
  });

  it("finds the ssrc and the RTX ssrc of a single stream", () => {
    expect(media("safari-offer-single", "video").encodings).toEqual([
      { rid: "", ssrc: 2_222_222_222, rtxSsrc: 2_333_333_333 },
    ]);
    expect(media("safari-offer-single", "audio").encodings).toEqual([{ rid: "", ssrc: 1_111_111_111, rtxSsrc: 0 }]);
  });

  it("finds simulcast by ssrc group", () => {
    const sdp = readFixture("safari-offer-single").replace(
      "a=ssrc-group:FID 2222222222 2333333333",
      "a=ssrc-group:SIM 11 12 13\r\na=ssrc-group:FID 11 21\r\na=ssrc-group:FID 12 22\r\na=ssrc-group:FID 13 23",
    );
    const video = parsePublisherOffer(sdp).media[1];
    expect(video?.simulcast).toBe(false);
    expect(video?.encodings).toEqual([
      { rid: "", ssrc: 11, rtxSsrc: 21 },
      { rid: "", ssrc: 12, rtxSsrc: 22 },
      { rid: "", ssrc: 13, rtxSsrc: 23 },
    ]);
  });

  it("takes the first alternative of a stream, and those that start paused", () => {
    const sdp = CHROMIUM.replace("a=simulcast:send q;h;f", "a=simulcast:send ~q;h,f");
    expect(parsePublisherOffer(sdp).media[1]?.encodings.map(({ rid }) => rid)).toEqual(["q", "h"]);
  });

  it("rejects the data channel without complaint", () => {
    expect(media("chromium-offer-all", "application")).toMatchObject({
      accepted: false,
      reason: "not-media",
      codecs: [],
    });
  });

  it("says why an m-line is not accepted", () => {
    const reasons = (sdp: string) => parsePublisherOffer(sdp).media.map(({ reason }) => reason);
    expect(reasons(CHROMIUM.replace("m=video 9", "m=video 0"))[1]).toBe("rejected-by-offerer");
    expect(reasons(CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0"))[1]).toBe("not-bundled");
    expect(reasons(CHROMIUM.replace("a=group:BUNDLE 0 1\r\n", ""))).toEqual([undefined, "not-bundled"]);
    expect(reasons(CHROMIUM.replaceAll("a=rtcp-mux\r\n", ""))[0]).toBe("no-rtcp-mux");
    expect(reasons(CHROMIUM.replace("opus/48000/2", "speex/48000/2"))[0]).toBe("no-common-codec");
    expect(reasons(CHROMIUM.replace("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP"))[1]).toBe("protocol");
  });

  it("takes a bundle-only m-line with port 0", () => {
    const sdp = CHROMIUM.replace("m=video 9", "m=video 0").replace("a=mid:1", "a=bundle-only\r\na=mid:1");
    expect(parsePublisherOffer(sdp).media[1]?.accepted).toBe(true);
  });

  it("takes all fingerprints, and none that is weak or cut off", () => {
    const line = /a=fingerprint:sha-256 (\S+)/.exec(CHROMIUM)?.[0] ?? "";
    const sha512 = `a=fingerprint:SHA-512 ${"0a:".repeat(63)}0b`;
    const more = CHROMIUM.replace(line, `${line}\r\n${sha512}\r\na=fingerprint:sha-1 ${"00:".repeat(19)}00`);
    expect(parsePublisherOffer(more).fingerprints).toEqual([
      { algorithm: "sha-256", value: line.split(" ")[1] },
      { algorithm: "sha-512", value: `${"0A:".repeat(63)}0B` },
    ]);
    expect(codeOf(CHROMIUM.replaceAll(line, line.slice(0, -1)))).toBe("SDP_NO_FINGERPRINT");
  });

  it.each([
    ["garbage", "hello", "SDP_INVALID"],
    ["nothing", "", "SDP_INVALID"],
    ["no m-line", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "SDP_INVALID"],
    ["too long", CHROMIUM + "a=x\r\n".repeat(MAX_OFFER_BYTES / 5), "SDP_TOO_LARGE"],
    ["too many m-lines", CHROMIUM + "m=audio 9 RTP/AVP 0\r\n".repeat(200), "SDP_TOO_LARGE"],
    ["no ufrag", CHROMIUM.replaceAll(/a=ice-ufrag.*\r\n/g, ""), "SDP_NO_ICE"],
    ["a short password", CHROMIUM.replaceAll(/a=ice-pwd.*/g, "a=ice-pwd:short"), "SDP_NO_ICE"],
    ["no fingerprint", CHROMIUM.replaceAll(/a=fingerprint.*\r\n/g, ""), "SDP_NO_FINGERPRINT"],
    ["setup passive", CHROMIUM.replaceAll("setup:actpass", "setup:passive"), "SDP_UNSUPPORTED"],
    ["setup holdconn", CHROMIUM.replaceAll("setup:actpass", "setup:holdconn"), "SDP_INVALID"],
    ["no mid", CHROMIUM.replace("a=mid:1\r\n", ""), "SDP_INVALID"],
    ["a mid twice", CHROMIUM.replace("a=mid:1", "a=mid:0"), "SDP_INVALID"],
    ["a long mid", CHROMIUM.replaceAll("mid:1\r", `mid:${"1".repeat(17)}\r`), "SDP_INVALID"],
    ["an unknown mid in the bundle", CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 9"), "SDP_INVALID"],
    ["a long rid", CHROMIUM.replace("a=rid:q", `a=rid:${"q".repeat(17)}`), "SDP_INVALID"],
  ])("refuses %s", (_, sdp, code) => {
    expect(codeOf(sdp)).toBe(code);
  });

  it("throws nothing but SdpError on mutated descriptions", () => {
    const mutation = fc.record({
      fixture: fc.constantFrom(...OFFER_FIXTURES),
      edits: fc.array(edit(), { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(mutation, ({ fixture, edits }) => {
        let sdp = readFixture(fixture);
        for (const one of edits) sdp = one(sdp);
        expect(codeOf(sdp)).toMatch(/^(none|SDP_)/);
      }),
      { numRuns: 300 },
    );
  });

  it("throws nothing but SdpError on noise", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (noise) => {
        expect(codeOf(noise)).toMatch(/^SDP_/);
        expect(codeOf(`v=0\r\n${noise}`)).toMatch(/^SDP_/);
      }),
    );
  });
});

/** Drops, doubles, moves or damages a line. */
function edit(): fc.Arbitrary<(sdp: string) => string> {
  const onLines = (change: (lines: string[], at: number) => void) => (seed: number) => (sdp: string) => {
    const lines = sdp.split("\r\n");
    change(lines, seed % lines.length);
    return lines.join("\r\n");
  };
  const damage = fc
    .tuple(fc.nat(), fc.nat(), fc.constantFrom("", ":", ";", " ", "\u0000", "99999999999", "-1", "é"))
    .map(([line, column, text]) =>
      onLines((lines, at) => {
        const old = lines[at] ?? "";
        const cut = column % (old.length + 1);
        lines[at] = old.slice(0, cut) + text + old.slice(cut + 1);
      })(line),
    );
  const whole = fc.tuple(fc.nat(), fc.constantFrom("drop", "double", "move", "cut")).map(([line, how]) =>
    onLines((lines, at) => {
      const [old = ""] = lines.splice(at, 1);
      if (how === "double") lines.splice(at, 0, old, old);
      if (how === "move") lines.push(old);
      if (how === "cut") lines.length = at;
    })(line),
  );
  return fc.oneof(damage, whole);
}
