import { describe, expect, test } from "vitest";
import { FeedbackBatch } from "./feedback-batch.ts";
import { LossBasedEstimator, LossState } from "./loss-based-estimator.ts";

/** Feedback each 50 ms of a constant rate, of which a share is lost. */
function feed(estimator: LossBasedEstimator, seconds: number, sendBps: number, loss: number, startUs = 0): void {
  const batch = new FeedbackBatch();
  for (let tick = 0; tick < seconds * 20; tick++) {
    const atUs = startUs + tick * 50_000;
    batch.clear();
    batch.reportedPackets = 10;
    batch.reportedBytes = sendBps / 8 / 20;
    batch.lostBytes = batch.reportedBytes * loss;
    batch.lostPackets = 10 * loss;
    batch.firstSentUs = atUs;
    batch.lastSentUs = atUs + 45_000;
    estimator.setAcknowledged(sendBps * (1 - loss));
    estimator.update(batch, 2_000_000, false);
  }
}

describe("LossBasedEstimator", () => {
  test("without loss the delay decides", () => {
    const estimator = new LossBasedEstimator(30_000, 30_000_000);
    expect(estimator.ready).toBe(false);
    feed(estimator, 5, 2_000_000, 0);
    expect(estimator.ready).toBe(true);
    expect(estimator.estimateBps).toBe(2_000_000);
    expect(estimator.state).toBe(LossState.DELAY_BASED);
  });

  test("heavy loss lowers, not below what arrives; it recovers when the loss ends", () => {
    const estimator = new LossBasedEstimator(30_000, 30_000_000);
    feed(estimator, 5, 2_000_000, 0);
    feed(estimator, 5, 2_000_000, 0.4, 5_000_000);
    expect(estimator.averageLoss).toBeCloseTo(0.4, 1);
    expect(estimator.state).not.toBe(LossState.DELAY_BASED);
    expect(estimator.estimateBps).toBeLessThan(1_400_000);
    expect(estimator.estimateBps).toBeGreaterThanOrEqual(1_200_000);
    feed(estimator, 30, 2_000_000, 0, 10_000_000);
    expect(estimator.estimateBps).toBe(2_000_000);
  });
});
