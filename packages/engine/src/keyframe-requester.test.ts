import { describe, expect, test } from "vitest";
import { KeyframeRequester } from "./keyframe-requester.ts";

const WINDOW_US = 500_000;

/** Times at which requests go out when somebody asks every 10 ms and keyframes come at the given times. */
function requestsOf(durationUs: number, keyframesUs: readonly number[]): number[] {
  const requester = new KeyframeRequester(WINDOW_US, 4_000_000);
  const sent: number[] = [];
  for (let nowUs = 0; nowUs < durationUs; nowUs += 10_000) {
    if (keyframesUs.includes(nowUs)) requester.satisfied();
    requester.request(nowUs);
    if (requester.take(nowUs)) sent.push(nowUs);
  }
  return sent;
}

describe("KeyframeRequester", () => {
  test("asks at once, then at most once a window however often keyframes are wanted", () => {
    const keyframesUs = Array.from({ length: 100 }, (_, i) => 50_000 + i * 100_000);
    const sent = requestsOf(5_000_000, keyframesUs);
    expect(sent[0]).toBe(0);
    for (let i = 1; i < sent.length; i++) expect(sent[i] - sent[i - 1]).toBeGreaterThanOrEqual(WINDOW_US);
    expect(sent.length).toBe(10);
  });

  test("asks again at growing intervals while no keyframe comes", () => {
    expect(requestsOf(12_000_000, [])).toEqual([0, 500_000, 1_500_000, 3_500_000, 7_500_000, 11_500_000]);
  });

  test("asks nothing when nobody wants one", () => {
    const requester = new KeyframeRequester(WINDOW_US, 4_000_000);
    expect(requester.take(10_000_000)).toBe(false);
    requester.request(10_000_000);
    requester.satisfied();
    expect(requester.take(20_000_000)).toBe(false);
    expect(requester.dueUs).toBe(Number.POSITIVE_INFINITY);
  });

  test("does not wait for the retry when the sender comes back", () => {
    const requester = new KeyframeRequester(WINDOW_US, 4_000_000);
    requester.request(0);
    for (let nowUs = 0; nowUs < 4_000_000; nowUs += 10_000) requester.take(nowUs);
    requester.resumed(4_100_000);
    expect(requester.take(4_100_000)).toBe(true);
  });
});
