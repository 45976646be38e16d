import { describe, expect, it } from "vitest";
import { BotMedia } from "./bot-media.ts";
import { DecodeTracker } from "./decode-tracker.ts";
import { readSendTime } from "./send-time.ts";
import { readOggOpus, readVp8Ivf } from "./media-files.ts";

const media = new BotMedia();

/** What a decoder would make of a source's frames; `lose` says which packets do not come. */
function play(frames: number, lose: (number: number) => boolean = () => false, keyframeAt: number[] = []) {
  const source = media.openVideo(7);
  const tracker = new DecodeTracker();
  let number = 1_000;
  for (let i = 0; i < frames; i++) {
    if (keyframeAt.includes(i)) source.requestKeyframe();
    for (const { payload, marker } of source.nextFrame(i * 50_000)) {
      if (lose(number)) tracker.skip(number, i * 50);
      else tracker.put(number, marker, "vp8", payload, 0, payload.length, i * 50);
      number += 1;
    }
  }
  return tracker;
}

describe("recorded video", () => {
  it("starts with a keyframe wherever it begins, and loops", () => {
    const report = play(200).report(10_000);
    expect(report).toMatchObject({ decodableFrames: 200, interruptions: 0, firstFrameAtMs: 0 });
    expect(report.keyframes).toBeGreaterThan(10);
  });

  it("answers a keyframe request with the next frame", () => {
    const source = media.openVideo(3);
    const isKeyframe = (): boolean => {
      const [{ payload }] = source.nextFrame(0);
      return (payload[6] & 1) === 0;
    };
    expect(isKeyframe()).toBe(true);
    expect(isKeyframe()).toBe(false);
    source.requestKeyframe();
    expect(isKeyframe()).toBe(true);
  });

  it("is cut into packets that fit a path, the last one marked", () => {
    const source = media.openVideo(0);
    for (let i = 0; i < 60; i++) {
      const packets = source.nextFrame(0);
      expect(packets.map(({ marker }) => marker)).toEqual(packets.map((_, index) => index === packets.length - 1));
      expect(packets.every(({ payload }) => payload.length <= 1_110)).toBe(true);
    }
  });
});

describe("recorded audio", () => {
  it("has a packet each 20 ms, one talkspurt", () => {
    const source = media.openAudio(5);
    const packets = Array.from({ length: 250 }, () => source.nextFrame(0));
    expect(packets.every((frame) => frame.length === 1 && frame[0].payload.length > 0)).toBe(true);
    expect(packets.filter(([{ marker }]) => marker)).toHaveLength(1);
  });
});

describe("the send time", () => {
  it("is at the end of each frame, and nowhere else", () => {
    const video = media.openVideo(0, { size: "high", bitrateBps: 1_000_000 }).nextFrame(123_456.5);
    expect(video.length).toBeGreaterThan(3);
    const times = video.map(({ payload }) => readSendTime(payload, 0, payload.length));
    expect(times).toEqual([...video.slice(1).map(() => -1), 123_456.5]);
    const [audio] = media.openAudio(0).nextFrame(99);
    expect(readSendTime(audio.payload, 0, audio.payload.length)).toBe(99);
    expect(readSendTime(Uint8Array.of(1, 2, 3), 0, 3)).toBe(-1);
  });
});

describe("a wanted bitrate", () => {
  it("is kept, keyframes included", () => {
    for (const size of ["low", "mid", "high"] as const) {
      const source = media.openVideo(0, { size, bitrateBps: 400_000 });
      const frames = Array.from({ length: 200 }, (_, i) => source.nextFrame(i));
      const bytes = frames.flat().reduce((sum, { payload }) => sum + payload.length, 0);
      expect((bytes * 8) / 10).toBeGreaterThan(390_000);
      expect((bytes * 8) / 10).toBeLessThan(425_000);
    }
  });
});

describe("a decoder's judgement", () => {
  it("counts nothing between a loss and the next keyframe", () => {
    const whole = play(100).report(5_000);
    const broken = play(100, (number) => number === 1_040).report(5_000);
    expect(broken.interruptions).toBe(1);
    expect(broken.decodableFrames).toBeLessThan(whole.decodableFrames);
    expect(broken.longestGapMs).toBeGreaterThan(whole.longestGapMs);
  });

  it("asks for a keyframe while it needs one, not too often", () => {
    const tracker = play(30, (number) => number > 1_020);
    expect(tracker.takeKeyframeRequest(10_000)).toBe(true);
    expect(tracker.takeKeyframeRequest(10_100)).toBe(false);
    expect(tracker.takeKeyframeRequest(10_600)).toBe(true);
    expect(play(30).takeKeyframeRequest(10_000)).toBe(false);
  });

  it("takes packets in any order", () => {
    const tracker = new DecodeTracker();
    const source = media.openVideo(0);
    const packets = Array.from({ length: 20 }, () => source.nextFrame(0)).flat();
    const put = (i: number): void => {
      const { marker, payload } = packets[i];
      tracker.put(i, marker, "vp8", payload, 0, payload.length, i);
    };
    put(0);
    for (let i = packets.length - 1; i > 0; i--) put(i);
    expect(tracker.report(100)).toMatchObject({ decodableFrames: 20, interruptions: 0 });
  });
});

describe("readers of media files", () => {
  it("refuse what is none", () => {
    expect(() => readVp8Ivf(new Uint8Array(100))).toThrow("IVF");
    expect(() => readVp8Ivf(new Uint8Array(3))).toThrow("IVF");
    expect(() => readOggOpus(new Uint8Array(100))).toThrow("Ogg");
  });
});
