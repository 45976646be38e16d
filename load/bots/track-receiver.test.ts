import { describe, expect, it } from "vitest";
import { TrackReceiver } from "./track-receiver.ts";

const payload = Uint8Array.of(1);

describe("TrackReceiver", () => {
  it("asks for what is missing, again after a while, and gives up in the end", () => {
    const receiver = new TrackReceiver("t", "audio", 1);
    receiver.receive(65_534, 0, true, "opus", payload, 0, 1, 0);
    receiver.receive(1, 0, true, "opus", payload, 0, 1, 20);
    expect(receiver.findNacks(20)).toEqual([65_535, 0]);
    expect(receiver.findNacks(40)).toEqual([]);
    expect(receiver.findNacks(100)).toEqual([65_535, 0]);
    receiver.receive(65_535, 0, true, "opus", payload, 0, 1, 110);
    expect(receiver.findNacks(200)).toEqual([0]);
    expect(receiver.findNacks(500)).toEqual([]);
    expect(receiver.report(1_000)).toMatchObject({ packets: 3, recoveredPackets: 1, lostPackets: 1, nacksSent: 5 });
  });

  it("needs keyframes for video only", () => {
    const receiver = new TrackReceiver("t", "audio", 1);
    receiver.receive(1, 0, true, "opus", payload, 0, 1, 0);
    receiver.receive(3, 0, true, "opus", payload, 0, 1, 20);
    receiver.findNacks(1_000);
    expect(receiver.needsKeyframe(1_000)).toBe(false);
  });

  it("remembers a bounded number of missing packets", () => {
    const receiver = new TrackReceiver("t", "audio", 1);
    receiver.receive(0, 0, true, "opus", payload, 0, 1, 0);
    receiver.receive(5_000, 0, true, "opus", payload, 0, 1, 10);
    expect(receiver.findNacks(10)).toHaveLength(256);
    expect(receiver.lostPackets).toBe(4_999 - 256);
  });
});
