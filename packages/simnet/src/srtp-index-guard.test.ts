import { expect, test } from "vitest";
import { RolloverEstimator, SrtpIndexGuard } from "./srtp-index-guard.ts";

function packet(sequenceNumber: number, last: number): Uint8Array {
  return Uint8Array.of(0x80, 96, sequenceNumber >> 8, sequenceNumber & 0xff, 0, 0, 0, 1, 0, 0, 0, 5, last);
}

test("the same index with the same bytes is a repetition, with other bytes a violation", () => {
  const guard = new SrtpIndexGuard();
  guard.sentRtp(packet(1, 1), 0);
  guard.sentRtp(packet(1, 1), 0);
  guard.sentRtp(packet(1, 2), 1);
  expect(guard.violations).toEqual([]);
  guard.sentRtp(packet(1, 2), 0);
  guard.sentRtcp(1);
  guard.sentRtcp(1);
  expect(guard.violations).toHaveLength(2);
});

test("the receiver's estimate follows RFC 3711 App. A", () => {
  const estimator = new RolloverEstimator();
  expect(estimator.estimate(0x7000)).toBe(0);
  expect(estimator.estimate(0xe000)).toBe(0);
  expect(estimator.estimate(0x0005)).toBe(1);
  expect(estimator.estimate(0xffff)).toBe(0);
  expect(estimator.estimate(0x0006)).toBe(1);
});
