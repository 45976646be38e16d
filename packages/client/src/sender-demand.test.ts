import type { TrackDemand } from "@cation/proto/client/v1/client";
import { describe, expect, it } from "vitest";
import { selectEncodings, SenderDemand } from "./sender-demand.ts";

const demand = (maxSpatialId: number, wanted = true): TrackDemand => ({
  trackId: "t",
  wanted,
  maxSpatialId,
  maxTemporalId: 0,
});
const encodings = (): RTCRtpEncodingParameters[] => ["q", "h", "f"].map((rid) => ({ rid, active: true }));
const activeOf = (list: RTCRtpEncodingParameters[]) => list.map(({ active }) => active);

describe("demand for a track", () => {
  it("leaves on what somebody wants", () => {
    const list = encodings();
    expect(selectEncodings(list, demand(1))).toBe(true);
    expect(activeOf(list)).toEqual([true, true, false]);
    expect(selectEncodings(list, demand(1))).toBe(false);
    selectEncodings(list, demand(0, false));
    expect(activeOf(list)).toEqual([false, false, false]);
    selectEncodings(list, demand(7));
    expect(activeOf(list)).toEqual([true, true, true]);
    const single: RTCRtpEncodingParameters[] = [{}];
    expect(selectEncodings(single, demand(0))).toBe(false);
    expect(selectEncodings(single, demand(0, false))).toBe(true);
  });

  it("is applied one after the other, the last one counting, and survives a browser that cannot", async () => {
    const applied: (boolean | undefined)[][] = [];
    let current = encodings();
    let fail = true;
    const sender = {
      getParameters: () => ({ encodings: current.map((one) => ({ ...one })) }),
      async setParameters(parameters: { encodings: RTCRtpEncodingParameters[] }): Promise<void> {
        await Promise.resolve();
        if (fail) throw new DOMException("no", "InvalidStateError");
        current = parameters.encodings;
        applied.push(activeOf(current));
      },
    } as unknown as RTCRtpSender;
    const one = new SenderDemand(sender);
    one.set(demand(0));
    await new Promise((resolve) => setImmediate(resolve));
    fail = false;
    one.set(demand(0));
    one.set(demand(2));
    one.set(demand(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(applied).toEqual([
      [true, false, false],
      [true, true, false],
    ]);
  });
});
