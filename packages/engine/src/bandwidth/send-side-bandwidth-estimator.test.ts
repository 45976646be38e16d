import { TransportFeedbackReader } from "@cation/rtp/rtcp-transport-feedback";
import { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import type { SeqNum, Ssrc } from "@cation/rtp/units";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FeedbackBatch } from "./feedback-batch.ts";
import { DEFAULT_BANDWIDTH, SendSideBandwidthEstimator } from "./send-side-bandwidth-estimator.ts";
import { NO_PROBE } from "./sent-packet-history.ts";

const create = () => new SendSideBandwidthEstimator({ ...DEFAULT_BANDWIDTH, startBps: 300_000 }, new FeedbackBatch());

describe("without transport-wide feedback", () => {
  test("REMB is followed at once at the start, and caps", () => {
    const estimator = create();
    estimator.onRemb(2_000_000, 0);
    estimator.poll(100_000);
    expect(estimator.estimateBps).toBe(2_000_000);
    estimator.onRemb(400_000, 200_000);
    expect(estimator.estimateBps).toBe(400_000);
    expect(estimator.state.limitedBy).toBe("receiver");
  });

  test("reports without loss raise by 8 % a second, loss above a tenth lowers by half of it", () => {
    const estimator = create();
    for (let second = 1; second <= 20; second++) estimator.onReceiverReport(0, 50_000, second * 1_000_000);
    const raisedBps = estimator.estimateBps;
    expect(raisedBps).toBeGreaterThan(300_000 * 1.08 ** 18);
    expect(raisedBps).toBeLessThan(300_000 * 1.09 ** 20);
    estimator.onReceiverReport(0.05, 50_000, 21_000_000);
    expect(estimator.estimateBps).toBe(raisedBps);
    estimator.onReceiverReport(0.2, 50_000, 22_000_000);
    expect(estimator.estimateBps).toBeCloseTo(raisedBps * 0.9, 0);
    expect(estimator.state.lossRatio).toBe(0.2);
  });

  test("a dead path is backed away from", () => {
    const estimator = create();
    estimator.onReceiverReport(0, 50_000, 0);
    for (let ms = 0; ms < 60_000; ms += 20) {
      estimator.onUntrackedSent(1_000, ms * 1_000);
      estimator.poll(ms * 1_000);
    }
    expect(estimator.estimateBps).toBe(DEFAULT_BANDWIDTH.minBps);
    expect(estimator.state.limitedBy).toBe("rtt");
  });
});

describe("probes", () => {
  test("three and six times the start rate first, bounded by twice what is wanted", () => {
    const estimator = create();
    expect(estimator.probePlan).toBeUndefined();
    estimator.onConnected(0);
    expect(estimator.probePlan?.rateBps).toBe(900_000);
    expect(estimator.takeProbe(0)?.rateBps).toBe(900_000);
    expect(estimator.takeProbe(0)?.rateBps).toBe(1_800_000);
    expect(estimator.takeProbe(0)).toBeUndefined();
    const modest = create();
    modest.setWanted(500_000, 0);
    modest.onConnected(0);
    expect(modest.takeProbe(0)?.rateBps).toBe(900_000);
    expect(modest.takeProbe(0)?.rateBps).toBe(1_000_000);
  });

  test("what nobody fetches expires", () => {
    const estimator = create();
    estimator.onConnected(0);
    expect(estimator.takeProbe(2_000_000)).toBeUndefined();
  });
});

test("any feedback, however absurd, leaves an estimate within its limits", () => {
  const arrival = fc.oneof(
    fc.constant(-1),
    fc.integer({ min: 0, max: 8_000_000 }),
    fc.integer({ min: 0, max: 2 ** 45 }),
  );
  const message = fc.record({
    base: fc.integer({ min: 0, max: 0xffff }),
    arrivals: fc.array(arrival, { minLength: 1, maxLength: 60 }),
    gapUs: fc.integer({ min: 0, max: 3_000_000 }),
  });
  const bytes = new Uint8Array(2_048);
  const reader = new TransportFeedbackReader();
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
      const estimator = create();
      const writer = new TransportFeedbackWriter();
      let nowUs = 0;
      let sequence = 0;
      estimator.onConnected(nowUs);
      for (const { base, arrivals, gapUs } of messages) {
        for (let i = 0; i < 50; i++) {
          estimator.onPacketSent((sequence++ & 0xffff) as SeqNum, nowUs + i, 1_200, i % 9 === 0 ? 1 : NO_PROBE);
        }
        nowUs += gapUs;
        const from = (base % (sequence + 10)) as SeqNum;
        const ring = Float64Array.from(arrivals);
        const end = writer.write(bytes, 0, 2_048, 1 as Ssrc, 2 as Ssrc, from, ring, 0, ring.length, 0);
        if (end > 0 && reader.set(bytes, 0, end)) estimator.onFeedback(reader, nowUs);
        estimator.poll(nowUs);
        expect(estimator.estimateBps).toBeGreaterThanOrEqual(DEFAULT_BANDWIDTH.minBps);
        expect(estimator.estimateBps).toBeLessThanOrEqual(DEFAULT_BANDWIDTH.maxBps);
        expect(estimator.targetBps).toBeGreaterThan(0);
        expect(estimator.rttUs).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
