import { describe, expect, it } from "vitest";
import { loadFixture } from "../../fixtures/fixture.ts";
import type { Fixture, FixtureFrame } from "../../fixtures/fixture.ts";
import { mediaPackets } from "../../fixtures/packets.ts";
import type { RtpPacketView } from "../rtp-packet-view.ts";
import { DependencyDescriptor } from "./dependency-descriptor.ts";
import { DecodeTargetIndication, DependencyStructure } from "./dependency-structure.ts";

const URI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

interface Told {
  readonly view: RtpPacketView;
  readonly descriptor: DependencyDescriptor;
}

/** Reads all descriptors from the first structure on. */
function readAll(fixture: Fixture): { told: Told[]; structure: DependencyStructure } {
  const structure = new DependencyStructure();
  const told: Told[] = [];
  for (const view of mediaPackets(fixture)) {
    const position = view.findExtension(fixture.info.extensions[URI]);
    expect(position).toBeGreaterThan(0);
    const descriptor = new DependencyDescriptor();
    const known = descriptor.set(view.bytes, position, view.extensionBytes, structure);
    if (structure.templateCount === 0 && !descriptor.structurePresent) {
      expect(known).toBe(false);
      continue;
    }
    expect(known).toBe(true);
    if (descriptor.structurePresent) structure.copyFrom(descriptor.attachedStructure);
    told.push({ view, descriptor });
  }
  return { told, structure };
}

function packetsOf(told: readonly Told[], frame: FixtureFrame): Told[] {
  return told.filter(
    ({ view, descriptor }) =>
      view.ssrc === frame.ssrc && view.timestamp === frame.rtpTimestamp && descriptor.spatialId === frame.spatialId,
  );
}

const names = [
  "chromium-av1-l2t2-key",
  "chromium-av1-l1t3",
  "chromium-vp9-l3t3-key",
  "chromium-vp8-l1t3-dd",
  "chromium-h264-l1t2-dd",
];

describe("dependency descriptors as Chromium writes them", () => {
  it.each(names)("%s: frames, layers and references as the encoder told", (name) => {
    const fixture = loadFixture(name);
    const { told } = readAll(fixture);
    const startNumber = told[0].descriptor.frameNumber;
    const startId = packetsFirstFrameId(fixture, told);
    let checked = 0;
    for (const frame of fixture.info.frames) {
      const packets = packetsOf(told, frame);
      if (packets.length === 0) continue;
      const [{ descriptor }] = packets;
      const frameId = frame.frameId ?? 0;
      expect(packets.map((packet) => packet.descriptor.startOfFrame)).toEqual(packets.map((_, i) => i === 0));
      expect(packets.map((packet) => packet.descriptor.endOfFrame)).toEqual(
        packets.map((_, i) => i === packets.length - 1),
      );
      expect((descriptor.frameNumber - startNumber) & 0xffff).toBe(frameId - startId);
      expect(descriptor.temporalId).toBe(frame.temporalId);
      expect(descriptor.structurePresent).toBe(frame.key);
      const fdiffs = [...descriptor.fdiffs.subarray(0, descriptor.fdiffCount)];
      const expected = (frame.dependencies ?? []).map((dependency) => frameId - dependency);
      expect(fdiffs.sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b));
      if (descriptor.width > 0) expect([descriptor.width, descriptor.height]).toEqual([frame.width, frame.height]);
      checked++;
    }
    expect(checked).toBeGreaterThan(5);
  });

  it("chromium-av1-l2t2-key: four decode targets, two chains", () => {
    const { structure } = readAll(loadFixture("chromium-av1-l2t2-key"));
    expect(structure.decodeTargetCount).toBe(4);
    expect([structure.maxSpatialId, structure.maxTemporalId, structure.chainCount]).toEqual([1, 1, 2]);
    const layers = Array.from({ length: 4 }, (_, i) => [structure.targetSpatialIds[i], structure.targetTemporalIds[i]]);
    expect(layers).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect([...structure.widths.subarray(0, 2)]).toEqual([320, 640]);
    expect([...structure.heights.subarray(0, 2)]).toEqual([180, 360]);
  });

  it("chromium-av1-l2t2-key: a decode target wants exactly the frames of its layers and below", () => {
    const { told, structure } = readAll(loadFixture("chromium-av1-l2t2-key"));
    for (const { descriptor } of told) {
      for (let target = 0; target < structure.decodeTargetCount; target++) {
        const present = descriptor.dtis[target] !== DecodeTargetIndication.NOT_PRESENT;
        const keyPicture = descriptor.chainFdiffs[0] === 0 || descriptor.structurePresent;
        // KEY: spatial layers refer to each other in key pictures only.
        const sameSpatial = descriptor.spatialId === structure.targetSpatialIds[target];
        const below = descriptor.spatialId < structure.targetSpatialIds[target];
        const temporal = descriptor.temporalId <= structure.targetTemporalIds[target];
        expect(present).toBe(temporal && (sameSpatial || (below && keyPicture)));
      }
    }
  });

  it.each(names)("%s: the mask of active decode targets can be replaced in each of them", (name) => {
    const fixture = loadFixture(name);
    const structure = new DependencyStructure();
    const descriptor = new DependencyDescriptor();
    const rewritten = new DependencyDescriptor();
    const target = new Uint8Array(300);
    for (const view of mediaPackets(fixture)) {
      const position = view.findExtension(fixture.info.extensions[URI]);
      if (!descriptor.set(view.bytes, position, view.extensionBytes, structure)) continue;
      if (descriptor.structurePresent) structure.copyFrom(descriptor.attachedStructure);
      const end = descriptor.writeActiveDecodeTargets(target, 7, 1);
      expect(end).toBe(7 + descriptor.rewrittenBytes);
      expect(rewritten.set(target, 7, end - 7, structure)).toBe(true);
      expect(rewritten.activeDecodeTargets).toBe(1);
      expect(rewritten.frameNumber).toBe(descriptor.frameNumber);
      expect(rewritten.structurePresent).toBe(descriptor.structurePresent);
      expect([rewritten.spatialId, rewritten.temporalId]).toEqual([descriptor.spatialId, descriptor.temporalId]);
      expect(rewritten.dtis).toEqual(descriptor.dtis);
      expect(rewritten.fdiffs.slice(0, rewritten.fdiffCount)).toEqual(
        descriptor.fdiffs.slice(0, descriptor.fdiffCount),
      );
      expect(rewritten.chainFdiffs).toEqual(descriptor.chainFdiffs);
      if (descriptor.structurePresent) {
        expect(rewritten.attachedStructure).toEqual(descriptor.attachedStructure);
      }
    }
  });
});

/** Id of the frame that the first readable descriptor belongs to: a keyframe that was captured whole. */
function packetsFirstFrameId(fixture: Fixture, told: readonly Told[]): number {
  const [{ view }] = told;
  const first = fixture.info.frames.find((frame) => frame.rtpTimestamp === view.timestamp && frame.spatialId === 0);
  expect(first?.key).toBe(true);
  return first?.frameId ?? 0;
}
