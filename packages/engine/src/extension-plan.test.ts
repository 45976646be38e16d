import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { describe, expect, test } from "vitest";
import { ExtensionPlan } from "./extension-plan.ts";
import type { ExtensionPlanKey } from "./extension-plan.ts";
import type { HeaderExtensionIds } from "./header-extensions.ts";
import { NO_HEADER_EXTENSIONS } from "./header-extensions.ts";
import { IncomingPacket } from "./incoming-packet.ts";
import { MemoryStore } from "./memory-store.ts";
import { buildRtp } from "./testing/rtp-builder.ts";

const INCOMING: HeaderExtensionIds = {
  ...NO_HEADER_EXTENSIONS,
  audioLevel: 1,
  dependencyDescriptor: 12,
  absCaptureTime: 5,
  rid: 10,
  mid: 4,
};
const OUTGOING: HeaderExtensionIds = { ...INCOMING, audioLevel: 3, dependencyDescriptor: 7, mid: 9, transportCc: 2 };
const KEY: ExtensionPlanKey = { incoming: INCOMING, outgoing: OUTGOING, midBytes: 2, relay: false, activeTargets: -1 };

const store = new MemoryStore(2, 512);
const packet = new IncomingPacket(store, 0);

function load(extensions: Record<number, Uint8Array>): IncomingPacket {
  const payload = new Uint8Array(10);
  const bytes = buildRtp({ payloadType: 96, sequenceNumber: 1, timestamp: 1, ssrc: 1, extensions, payload });
  expect(packet.load(store.put(bytes), 1, 0, bytes.length)).toBe(true);
  return packet;
}

/** The plan's block behind a fixed header, parsed. */
function blockOf(plan: ExtensionPlan): RtpPacketView {
  const bytes = new Uint8Array(12 + 4 * plan.blockWords);
  bytes[0] = plan.firstByte;
  bytes.set(new Uint8Array(plan.words.buffer, 0, 4 * plan.blockWords), 12);
  const view = new RtpPacketView();
  expect(view.set(bytes, 0, bytes.length)).toBe(true);
  return view;
}

describe("ExtensionPlan", () => {
  test("maps ids, leaves a place for what is the receiver's own, drops the sender's mid and rid", () => {
    const plan = new ExtensionPlan(KEY);
    load({
      1: Uint8Array.of(0x42),
      4: Uint8Array.of(1),
      10: Uint8Array.of(2),
      12: Uint8Array.of(7, 8, 9),
    });
    expect(plan.prepare(packet)).toBe(true);
    const view = blockOf(plan);
    const level = view.findExtension(3);
    expect(view.bytes[level]).toBe(0x42);
    expect(view.findExtension(9)).toBe(plan.midOffset);
    expect(view.extensionBytes).toBe(2);
    expect(view.findExtension(2)).toBe(plan.transportCcOffset);
    expect(view.findExtension(7)).toBeGreaterThan(0);
    expect(view.findExtension(10)).toBe(-1);
    expect(view.findExtension(5)).toBe(-1);
    expect(plan.absSendTimeOffset).toBe(-1);
  });

  test("a relay passes rids on", () => {
    const plan = new ExtensionPlan({ ...KEY, midBytes: 0, relay: true });
    plan.prepare(load({ 10: Uint8Array.of(0x66) }));
    const view = blockOf(plan);
    expect(view.bytes[view.findExtension(10)]).toBe(0x66);
    expect(plan.midOffset).toBe(-1);
  });

  test("no elements, no block", () => {
    const plan = new ExtensionPlan({ ...KEY, outgoing: NO_HEADER_EXTENSIONS, midBytes: 0 });
    expect(plan.prepare(load({ 1: Uint8Array.of(1) }))).toBe(true);
    expect(plan.blockWords).toBe(0);
    expect(plan.firstByte).toBe(0x80);
  });

  test("long elements go in the two-byte form; what does not fit is left out, least important first", () => {
    const plan = new ExtensionPlan(KEY);
    expect(plan.prepare(load({ 12: new Uint8Array(40).fill(3), 1: Uint8Array.of(1) }))).toBe(true);
    expect(blockOf(plan).findExtension(7)).toBeGreaterThan(0);
    expect(plan.prepare(load({ 12: new Uint8Array(60).fill(3), 5: new Uint8Array(16) }))).toBe(true);
    expect(blockOf(plan).findExtension(7)).toBeGreaterThan(0);
    expect(blockOf(plan).findExtension(5)).toBe(-1);
    expect(plan.prepare(load({ 12: new Uint8Array(200).fill(3), 1: Uint8Array.of(1) }))).toBe(true);
    expect(blockOf(plan).findExtension(7)).toBe(-1);
  });

  test("is written once a packet", () => {
    const plan = new ExtensionPlan(KEY);
    load({ 1: Uint8Array.of(1) });
    plan.prepare(packet);
    plan.words.fill(0);
    plan.prepare(packet);
    expect(plan.words.every((word) => word === 0)).toBe(true);
  });

  test("serves whoever has the same key", () => {
    const plan = new ExtensionPlan(KEY);
    expect(plan.serves({ ...KEY, incoming: { ...INCOMING } })).toBe(true);
    expect(plan.serves({ ...KEY, midBytes: 1 })).toBe(false);
    expect(plan.serves({ ...KEY, outgoing: { ...OUTGOING, mid: 11 } })).toBe(false);
  });
});
