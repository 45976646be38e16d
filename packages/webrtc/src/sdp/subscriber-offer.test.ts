import fc from "fast-check";
import { parse } from "sdp-transform";
import { describe, expect, it } from "vitest";
import {
  ANSWER_FIXTURES,
  H264,
  LOCAL,
  OPUS,
  VP8,
  countingRandom,
  readFixture,
  subscriberDescription,
} from "../testing/sdp-fixtures.ts";
import { SdpError } from "./sdp-error.ts";
import { MAX_SUBSCRIBER_MEDIA, SubscriberDescription } from "./subscriber-offer.ts";
import type { SubscribedTrack } from "./subscriber-offer.ts";

const video = (trackId: string): SubscribedTrack => ({
  trackId,
  participantId: "bob",
  kind: "video",
  codecs: [VP8],
});

/** What a client that takes everything answers. `edit` changes each m-section. */
function answerTo(offer: string, edit: (section: string, index: number) => string = (s) => s): string {
  const [session = "", ...sections] = offer.split(/(?=^m=)/m);
  const answers = sections.map((section, index) =>
    edit(
      section
        .replace("a=sendonly", "a=recvonly")
        .replace("a=setup:actpass", "a=setup:active")
        .replaceAll(/a=(ssrc|msid|ssrc-group|candidate|end-of-candidates).*\r\n/g, "")
        .replace(`a=ice-ufrag:${LOCAL.iceUfrag}`, "a=ice-ufrag:client"),
      index,
    ),
  );
  return session.replace("a=ice-lite\r\n", "") + answers.join("");
}

const rejected = (section: string): string =>
  section.replace(/^m=(\w+) 9/, "m=$1 0").replace("a=recvonly", "a=inactive");

describe("SubscriberDescription", () => {
  it.each(ANSWER_FIXTURES)("understands %s", (name) => {
    const description = subscriberDescription();
    description.writeOffer(LOCAL);
    const answer = description.applyAnswer(readFixture(name));
    expect(answer.iceUfrag.length).toBeGreaterThanOrEqual(4);
    expect(answer.fingerprints).toHaveLength(1);
    expect([...answer.media.keys()]).toEqual(["0", "1", "2"]);
    expect(answer.media.get("0")).toMatchObject({
      trackId: "mic",
      accepted: true,
      codecs: [{ payloadType: 96, mimeType: "audio/opus", rtxPayloadType: 0 }],
    });
    expect(answer.media.get("1")).toMatchObject({
      trackId: "camera",
      accepted: true,
      codecs: [{ payloadType: 97, mimeType: "video/VP8", rtxPayloadType: 98 }],
    });
    expect(answer.media.get("1")?.codecs[0]?.feedback).toMatchObject({ nack: true, pli: true });
    expect(answer.media.get("1")?.extensions).toMatchObject({ mid: 4, transportCc: 3 });
    expect(answer.media.get("2")?.accepted).toBe(true);
  });

  it("leaves out a codec that the client does not have", () => {
    const description = subscriberDescription();
    description.writeOffer(LOCAL);
    const { media } = description.applyAnswer(readFixture("wrtc-answer"));
    expect(media.get("2")?.codecs.map(({ mimeType }) => mimeType)).toEqual(["video/VP8"]);
  });

  it("offers each track once, sendonly, with its ssrcs", () => {
    const description = subscriberDescription();
    const offer = parse(description.writeOffer(LOCAL));
    expect(offer.groups).toEqual([{ type: "BUNDLE", mids: "0 1 2" }]);
    expect(offer.icelite).toBe("ice-lite");
    expect(offer.media[1]).toMatchObject({
      type: "video",
      mid: 1,
      direction: "sendonly",
      setup: "actpass",
      msid: [{ id: "alice", appdata: "camera" }],
      ssrcGroups: [{ semantics: "FID", ssrcs: "1001 1002" }],
    });
    expect(offer.media[0]?.ssrcGroups).toBeUndefined();
  });

  it("gives a codec the same payload type on every m-line", () => {
    const offer = parse(subscriberDescription().writeOffer(LOCAL));
    expect(offer.media.map(({ payloads }) => String(payloads))).toEqual(["96", "97 98", "99 100 97 98"]);
    expect(offer.media[2]?.fmtp).toContainEqual({ payload: 99, config: H264.fmtp });
  });

  it("keeps payload types, mids and ssrcs over renegotiations", () => {
    const description = subscriberDescription();
    const before = parse(description.writeOffer(LOCAL)).media;
    description.applyAnswer(answerTo(description.writeOffer(LOCAL)));
    description.addTrack(video("another"));
    const after = parse(description.writeOffer({ ...LOCAL, version: 2 })).media;
    expect(after.slice(0, 3).map(withoutCandidates)).toEqual(before.map(withoutCandidates));
    expect(after).toHaveLength(4);
  });

  it("takes a removed track off, and gives its m-line to the next once that was agreed", () => {
    const description = subscriberDescription();
    description.applyAnswer(answerTo(description.writeOffer(LOCAL)));
    description.removeTrack("1");

    const early = description.addTrack(video("early"));
    expect(early?.mid).toBe("3");
    const offer = description.writeOffer(LOCAL);
    expect(parse(offer).media[1]).toMatchObject({ port: 9, direction: "inactive" });
    expect(parse(offer).media[1]?.msid).toBeUndefined();
    const answer = description.applyAnswer(answerTo(offer));
    expect(answer.media.get("1")).toMatchObject({ accepted: false, trackId: undefined });

    const late = description.addTrack(video("late"));
    expect(late?.mid).toBe("1");
    expect([1001, 1002]).not.toContain(late?.ssrc);
    expect(parse(description.writeOffer(LOCAL)).media).toHaveLength(4);
  });

  it("does not reuse an m-line that the client has seen sending and not yet seen stop", () => {
    const description = subscriberDescription();
    description.writeOffer(LOCAL);
    description.removeTrack("1");
    expect(description.addTrack(video("next"))?.mid).toBe("3");
  });

  it("does not give a video m-line to audio", () => {
    const description = subscriberDescription();
    description.applyAnswer(answerTo(description.writeOffer(LOCAL)));
    description.removeTrack("1");
    description.applyAnswer(answerTo(description.writeOffer(LOCAL)));
    const audio = { trackId: "b", participantId: "bob", kind: "audio", codecs: [OPUS] } as const;
    expect(description.addTrack(audio)?.mid).toBe("3");
  });

  it("recycles a rejected m-line under a new mid", () => {
    const description = subscriberDescription();
    const answer = description.applyAnswer(
      answerTo(description.writeOffer(LOCAL), (section, index) => (index === 1 ? rejected(section) : section)),
    );
    expect(answer.media.get("1")).toMatchObject({ accepted: false, trackId: "camera", codecs: [] });
    const stopped = parse(description.writeOffer(LOCAL));
    expect(stopped.media[1]).toMatchObject({ port: 0, mid: 1 });
    expect(stopped.groups).toEqual([{ type: "BUNDLE", mids: "0 2" }]);
    description.applyAnswer(
      answerTo(description.writeOffer(LOCAL), (section, index) =>
        index === 1 ? section.replace("a=mid:1\r\n", "") : section,
      ),
    );
    description.removeTrack("1");
    expect(description.addTrack(video("next"))?.mid).toBe("3");
    const mids = parse(description.writeOffer(LOCAL)).media.map(({ mid }) => mid);
    expect(mids).toEqual([0, 3, 2]);
  });

  it("moves the candidates along when the first m-line is rejected", () => {
    const description = subscriberDescription();
    description.applyAnswer(
      answerTo(description.writeOffer(LOCAL), (section, index) => (index === 0 ? rejected(section) : section)),
    );
    const [first, second] = parse(description.writeOffer(LOCAL)).media;
    expect(first?.candidates).toBeUndefined();
    expect(second?.candidates).toHaveLength(2);
  });

  it("does not send where the client does not receive", () => {
    const description = subscriberDescription();
    const answer = description.applyAnswer(
      answerTo(description.writeOffer(LOCAL), (section) => section.replace("a=recvonly", "a=inactive")),
    );
    expect([...answer.media.values()].map(({ accepted }) => accepted)).toEqual([false, false, false]);
  });

  it("tells the track as of the offer that was answered", () => {
    const description = subscriberDescription();
    const offer = description.writeOffer(LOCAL);
    description.removeTrack("1");
    expect(description.applyAnswer(answerTo(offer)).media.get("1")?.trackId).toBe("camera");
  });

  it("is full at some time", () => {
    const description = new SubscriberDescription(countingRandom());
    for (let index = 0; index < MAX_SUBSCRIBER_MEDIA; index += 1) {
      expect(description.addTrack(video(`t${index}`))?.mid).toBe(String(index));
    }
    expect(description.addTrack(video("one too many"))).toBeUndefined();
  });

  it("runs out of payload types without a clash", () => {
    const description = new SubscriberDescription(countingRandom());
    const seen = new Map<number, string>();
    for (let level = 0; level < 40; level += 1) {
      const fmtp = `packetization-mode=1;profile-level-id=42e0${(16 + level).toString(16)}`;
      description.addTrack({ ...video(`t${level}`), codecs: [{ ...H264, fmtp }, VP8] });
    }
    for (const { rtp, fmtp } of parse(description.writeOffer(LOCAL)).media) {
      for (const { payload, codec } of rtp) {
        const config = fmtp.find((line) => line.payload === payload)?.config ?? "";
        expect(seen.get(Number(payload)) ?? `${codec} ${config}`).toBe(`${codec} ${config}`);
        seen.set(Number(payload), `${codec} ${config}`);
      }
    }
    expect([...seen.keys()].every((payload) => payload < 64 || payload >= 96)).toBe(true);
  });

  it("keeps strange ids from breaking out of their line", () => {
    const description = new SubscriberDescription(countingRandom());
    description.addTrack({ ...video("a\r\na=evil:1"), participantId: "" });
    const offer = description.writeOffer(LOCAL);
    expect(offer).not.toContain("\na=evil");
    expect(parse(offer).media[0]?.msid).toEqual([{ id: "_", appdata: "a__a_evil_1" }]);
  });

  it.each([
    ["one m-line less", (sdp: string) => withoutLast(sdp), "SDP_ANSWER_MISMATCH"],
    ["other mids", (sdp: string) => swapMids(sdp), "SDP_ANSWER_MISMATCH"],
    ["the passive role", (sdp: string) => sdp.replaceAll("setup:active", "setup:passive"), "SDP_UNSUPPORTED"],
    ["no role", (sdp: string) => sdp.replaceAll("a=setup:active\r\n", ""), "SDP_UNSUPPORTED"],
    ["garbage", () => "v=0 garbage", "SDP_INVALID"],
  ])("refuses an answer with %s, and stays as it was", (_, change, code) => {
    const description = subscriberDescription();
    const offer = description.writeOffer(LOCAL);
    expect(() => description.applyAnswer(change(answerTo(offer)))).toThrow(
      expect.objectContaining({ name: "SdpError", code }),
    );
    expect(description.applyAnswer(answerTo(offer)).media.get("1")?.accepted).toBe(true);
  });

  it("throws nothing but SdpError on damaged answers", () => {
    const name = fc.constantFrom(...ANSWER_FIXTURES);
    fc.assert(
      fc.property(name, fc.nat(), fc.nat(60), fc.string(), (fixture, at, length, text) => {
        const description = subscriberDescription();
        description.writeOffer(LOCAL);
        const sdp = readFixture(fixture);
        const cut = at % sdp.length;
        try {
          description.applyAnswer(sdp.slice(0, cut) + text + sdp.slice(cut + length));
        } catch (error) {
          expect(error).toBeInstanceOf(SdpError);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("stays consistent whatever is added, removed, answered and rejected", () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant("add" as const), kind: fc.constantFrom("audio", "video") }),
      fc.record({ what: fc.constant("remove" as const), at: fc.nat() }),
      fc.record({ what: fc.constant("negotiate" as const), reject: fc.nat(8) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const description = new SubscriberDescription(countingRandom());
        const held: string[] = [];
        let count = 0;
        for (const one of steps) {
          if (one.what === "add") {
            const codecs = one.kind === "audio" ? [OPUS] : [VP8];
            const trackId = `track${(count += 1)}`;
            const kind = one.kind as "audio" | "video";
            const put = description.addTrack({ trackId, participantId: "p", kind, codecs });
            expect(held).not.toContain(put?.mid);
            held.push(put?.mid ?? "");
          } else if (one.what === "remove") {
            description.removeTrack(held.splice(one.at % (held.length + 1), 1)[0] ?? "");
          } else if (!description.isEmpty) {
            negotiate(description, one.reject);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** One offer and answer; the m-line at `reject`, if there is one, is rejected. */
function negotiate(description: SubscriberDescription, reject: number): void {
  const offer = description.writeOffer(LOCAL);
  const sections = parse(offer).media;
  expect(new Set(sections.map(({ mid }) => mid)).size).toBe(sections.length);
  const ssrcs = sections.flatMap((section) => section.ssrcs?.map(({ id }) => id) ?? []);
  expect(new Set(ssrcs).size).toBe(ssrcs.length);
  const usable = sections.filter(({ port }) => port !== 0).length;
  const refuse = usable > 1 ? reject : -1;
  const answer = description.applyAnswer(
    answerTo(offer, (section, index) => (index === refuse ? rejected(section) : section)),
  );
  expect(answer.media.size).toBe(sections.length);
}

function withoutLast(sdp: string): string {
  return sdp.slice(0, sdp.lastIndexOf("m=")).replace("BUNDLE 0 1 2", "BUNDLE 0 1");
}

function swapMids(sdp: string): string {
  return sdp.replace("a=mid:0", "a=mid:x").replace("a=mid:1", "a=mid:0").replace("a=mid:x", "a=mid:1");
}

function withoutCandidates<T extends object>(section: T): object {
  return { ...section, candidates: undefined, endOfCandidates: undefined };
}
