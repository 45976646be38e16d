import { parse } from "sdp-transform";
import { describe, expect, it } from "vitest";
import { LOCAL, OFFER_FIXTURES, readFixture } from "../testing/sdp-fixtures.ts";
import { writePublisherAnswer } from "./publisher-answer.ts";
import { parsePublisherOffer } from "./publisher-offer.ts";

const answerTo = (sdp: string): string => writePublisherAnswer(parsePublisherOffer(sdp), LOCAL);

describe("writePublisherAnswer", () => {
  it.each(OFFER_FIXTURES)("answers %s line by line", (name) => {
    const offer = parse(readFixture(name));
    const answer = parse(answerTo(readFixture(name)));
    expect(answer.icelite).toBe("ice-lite");
    expect(answer.media.map(({ type, mid, protocol }) => ({ type, mid, protocol }))).toEqual(
      offer.media.map(({ type, mid, protocol }) => ({ type, mid, protocol })),
    );
    for (const section of answer.media) {
      if (section.port === 0) continue;
      expect(section).toMatchObject({
        setup: "passive",
        rtcpMux: "rtcp-mux",
        direction: "recvonly",
        iceUfrag: LOCAL.iceUfrag,
        icePwd: LOCAL.icePwd,
        fingerprint: { type: "sha-256", hash: LOCAL.fingerprint.value },
      });
      expect(section.ssrcs).toBeUndefined();
    }
  });

  it("offers no feedback or extension that was not offered", () => {
    const offer = parse(readFixture("firefox-offer-simulcast"));
    const answer = parse(answerTo(readFixture("firefox-offer-simulcast")));
    for (const [index, section] of answer.media.entries()) {
      const uris = new Set(offer.media[index]?.ext?.map(({ uri }) => uri));
      for (const { uri } of section.ext ?? []) expect(uris).toContain(uri);
      const feedback = offer.media[index]?.rtcpFb?.map((one) => JSON.stringify(one)) ?? [];
      for (const one of section.rtcpFb ?? []) expect(feedback).toContain(JSON.stringify(one));
    }
  });

  it("confirms simulcast with the same rids", () => {
    const lines = answerTo(readFixture("chromium-offer-simulcast"));
    expect(lines).toContain("a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\n");
    expect(lines).toContain("a=simulcast:recv q;h;f\r\n");
  });

  it("lists candidates once, UDP before TCP, and says that there are no more", () => {
    const [first, ...others] = parse(answerTo(readFixture("chromium-offer-all"))).media;
    expect(first?.candidates).toMatchObject([
      { transport: "udp", ip: "192.0.2.1", port: 7000, type: "host", component: 1 },
      { transport: "tcp", tcptype: "passive", port: 7000 },
    ]);
    const [udp, tcp] = first?.candidates ?? [];
    expect(udp?.priority).toBeGreaterThan(tcp?.priority ?? Infinity);
    expect(first?.endOfCandidates).toBe("end-of-candidates");
    expect(others.every(({ candidates }) => candidates === undefined)).toBe(true);
  });

  it("rejects with port 0, outside the bundle", () => {
    const sdp = answerTo(readFixture("chromium-offer-all"));
    const answer = parse(sdp);
    expect(answer.media[2]).toMatchObject({ type: "application", port: 0, mid: 2 });
    expect(answer.groups).toEqual([{ type: "BUNDLE", mids: "0 1" }]);
    expect(sdp).toContain("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n");
  });

  it("gives the candidates to the first m-line that is accepted", () => {
    const sdp = readFixture("chromium-offer-simulcast").replace("opus/48000/2", "speex/48000/2");
    const answer = parse(answerTo(sdp));
    expect(answer.media[0]).toMatchObject({ port: 0 });
    expect(answer.media[1]?.candidates).toHaveLength(2);
    expect(answer.groups).toEqual([{ type: "BUNDLE", mids: 1 }]);
  });

  it("answers what is not sent with inactive", () => {
    const sdp = readFixture("chromium-offer-simulcast").replaceAll("a=sendonly", "a=inactive");
    const directions = parse(answerTo(sdp)).media.map(({ direction }) => direction);
    expect(directions).toEqual(["inactive", "inactive"]);
  });

  it("allows mixed extension headers only where the offer did", () => {
    expect(answerTo(readFixture("chromium-offer-all"))).toContain("a=extmap-allow-mixed\r\n");
    expect(answerTo(readFixture("firefox-offer-simulcast"))).not.toContain("extmap-allow-mixed");
  });
});
