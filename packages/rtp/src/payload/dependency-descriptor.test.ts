import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  descriptorArbitrary,
  encodeDescriptor,
  structureArbitrary,
} from "../../fixtures/dependency-descriptor-arbitrary.ts";
import type { PlainDescriptor, PlainStructure } from "../../fixtures/dependency-descriptor-arbitrary.ts";
import { absurdRanges, acceptedPrefixes } from "../../fixtures/malformed.ts";
import { DependencyDescriptor, patchFrameNumber } from "./dependency-descriptor.ts";
import { DependencyStructure, MAX_CHAINS, MAX_DECODE_TARGETS, MAX_FDIFFS } from "./dependency-structure.ts";

const KEYFRAME: PlainDescriptor = {
  startOfFrame: true,
  endOfFrame: true,
  templateIndex: 0,
  frameNumber: 1,
  structurePresent: true,
  mask: null,
  dtis: null,
  fdiffs: null,
  chainFdiffs: null,
};

/** One spatial and two temporal layers, two decode targets, one chain. */
const L1T2: PlainStructure = {
  templateIdOffset: 62,
  decodeTargetCount: 2,
  chainCount: 1,
  targetChains: [0, 0],
  templates: [
    { spatialId: 0, temporalId: 0, dtis: [2, 2], fdiffs: [], chainFdiffs: [0] },
    { spatialId: 0, temporalId: 0, dtis: [2, 2], fdiffs: [2], chainFdiffs: [2] },
    { spatialId: 0, temporalId: 1, dtis: [0, 1], fdiffs: [1], chainFdiffs: [1] },
  ],
  resolutions: [[640, 360]],
};

function structureOf(plain: PlainStructure): DependencyStructure {
  const bytes = encodeDescriptor(KEYFRAME, plain);
  const descriptor = new DependencyDescriptor();
  const structure = new DependencyStructure();
  expect(descriptor.set(bytes, 0, bytes.length, structure)).toBe(true);
  structure.copyFrom(descriptor.attachedStructure);
  return structure;
}

/** What the descriptor should say of a frame, template and custom fields put together. */
function expectFrame(descriptor: DependencyDescriptor, plain: PlainDescriptor, structure: PlainStructure): void {
  const template = structure.templates[plain.templateIndex];
  expect([descriptor.startOfFrame, descriptor.endOfFrame]).toEqual([plain.startOfFrame, plain.endOfFrame]);
  expect(descriptor.frameNumber).toBe(plain.frameNumber);
  expect([descriptor.spatialId, descriptor.temporalId]).toEqual([template.spatialId, template.temporalId]);
  expect([...descriptor.dtis.subarray(0, structure.decodeTargetCount)]).toEqual(plain.dtis ?? template.dtis);
  expect([...descriptor.fdiffs.subarray(0, descriptor.fdiffCount)]).toEqual(plain.fdiffs ?? template.fdiffs);
  const chainFdiffs = plain.chainFdiffs ?? template.chainFdiffs;
  expect([...descriptor.chainFdiffs.subarray(0, structure.chainCount)]).toEqual(chainFdiffs);
  const size = structure.resolutions?.[template.spatialId] ?? [0, 0];
  expect([descriptor.width, descriptor.height]).toEqual(size);
}

describe("DependencyStructure", () => {
  it("reads back", () => {
    fc.assert(
      fc.property(structureArbitrary, (plain) => {
        const structure = structureOf(plain);
        expect(structure.templateCount).toBe(plain.templates.length);
        expect(structure.decodeTargetCount).toBe(plain.decodeTargetCount);
        expect(structure.allTargetsMask).toBe(2 ** plain.decodeTargetCount - 1);
        expect(structure.chainCount).toBe(plain.chainCount);
        plain.templates.forEach((template, i) => {
          const { templateDtis, templateFdiffs, templateChainFdiffs } = structure;
          const dtis = templateDtis.subarray(i * MAX_DECODE_TARGETS, i * MAX_DECODE_TARGETS + plain.decodeTargetCount);
          const fdiffs = templateFdiffs.subarray(i * MAX_FDIFFS, i * MAX_FDIFFS + structure.templateFdiffCounts[i]);
          const chains = templateChainFdiffs.subarray(i * MAX_CHAINS, i * MAX_CHAINS + plain.chainCount);
          expect([...dtis]).toEqual(template.dtis);
          expect([...fdiffs]).toEqual(template.fdiffs);
          expect([...chains]).toEqual(template.chainFdiffs);
        });
        expect([...structure.targetChains.subarray(0, plain.targetChains.length)]).toEqual(plain.targetChains);
        for (let target = 0; target < plain.decodeTargetCount; target++) {
          const mine = plain.templates.filter((template) => template.dtis[target] !== 0);
          expect(structure.targetSpatialIds[target]).toBe(Math.max(0, ...mine.map((one) => one.spatialId)));
          expect(structure.targetTemporalIds[target]).toBe(Math.max(0, ...mine.map((one) => one.temporalId)));
        }
      }),
    );
  });
});

describe("DependencyDescriptor", () => {
  const withStructure = structureArbitrary.chain((structure) =>
    fc.record({ structure: fc.constant(structure), frame: descriptorArbitrary(structure), mask: fc.nat(0xffff_ffff) }),
  );

  it("reads back any frame, with the structure or by it", () => {
    fc.assert(
      fc.property(withStructure, ({ structure, frame }) => {
        const descriptor = new DependencyDescriptor();
        const bytes = encodeDescriptor(frame, structure);
        expect(descriptor.set(bytes, 0, bytes.length, structureOf(structure))).toBe(true);
        expectFrame(descriptor, frame, structure);
        expect(descriptor.structurePresent).toBe(frame.structurePresent);
        const all = frame.structurePresent ? 2 ** structure.decodeTargetCount - 1 : -1;
        expect(descriptor.activeDecodeTargets).toBe(frame.mask ?? all);
      }),
    );
  });

  it("can have its mask replaced, and is the same otherwise", () => {
    fc.assert(
      fc.property(withStructure, fc.nat(7), ({ structure, frame, mask }, offset) => {
        const active = mask % 2 ** structure.decodeTargetCount;
        const descriptor = new DependencyDescriptor();
        const bytes = encodeDescriptor(frame, structure);
        descriptor.set(bytes, 0, bytes.length, structureOf(structure));
        const target = new Uint8Array(8192).fill(0xee);
        const end = descriptor.writeActiveDecodeTargets(target, offset, active);
        expect(end).toBe(offset + descriptor.rewrittenBytes);
        expect(target.slice(offset, end)).toEqual(encodeDescriptor({ ...frame, mask: active }, structure));
        expect([target[end], offset === 0 ? 0xee : target[offset - 1]]).toEqual([0xee, 0xee]);
        expect(descriptor.writeActiveDecodeTargets(target.subarray(0, end - 1), offset, active)).toBe(-1);
      }),
    );
  });

  it("is unknown before a structure came, or with a template that is none of it", () => {
    const delta = encodeDescriptor({ ...KEYFRAME, structurePresent: false }, L1T2);
    const descriptor = new DependencyDescriptor();
    expect(delta).toHaveLength(3);
    expect(descriptor.set(delta, 0, 3, new DependencyStructure())).toBe(false);
    expect(descriptor.set(delta, 0, 3, structureOf(L1T2))).toBe(true);
    // Ids 62, 63 and 0 are known.
    for (const [id, known] of [
      [0, true],
      [1, false],
      [61, false],
      [63, true],
    ] as const) {
      delta[0] = 0xc0 | id;
      expect(descriptor.set(delta, 0, 3, structureOf(L1T2))).toBe(known);
    }
  });

  it("leaves the caller's structure alone, whatever comes", () => {
    const structure = structureOf(L1T2);
    const before = JSON.stringify(structure);
    const descriptor = new DependencyDescriptor();
    const bytes = encodeDescriptor(KEYFRAME, { ...L1T2, templateIdOffset: 7 });
    expect(descriptor.set(bytes, 0, bytes.length - 4, structure)).toBe(false);
    expect(descriptor.set(bytes, 0, bytes.length, structure)).toBe(true);
    expect(JSON.stringify(structure)).toBe(before);
  });

  it("refuses layers and references that no encoder makes", () => {
    const template = L1T2.templates[0];
    const spatial = Array.from({ length: 5 }, (_, spatialId) => ({ ...template, spatialId }));
    const temporal = Array.from({ length: 9 }, (_, temporalId) => ({ ...template, temporalId }));
    const many = Array.from({ length: 65 }, () => template);
    const references = [{ ...template, fdiffs: Array.from({ length: 17 }, () => 1) }];
    for (const templates of [spatial, temporal, many, references]) {
      const bytes = encodeDescriptor(KEYFRAME, { ...L1T2, templates, resolutions: null });
      expect(new DependencyDescriptor().set(bytes, 0, bytes.length, structureOf(L1T2))).toBe(false);
    }
    const custom = { ...KEYFRAME, structurePresent: false, fdiffs: Array.from({ length: 17 }, () => 1) };
    const bytes = encodeDescriptor(custom, L1T2);
    expect(new DependencyDescriptor().set(bytes, 0, bytes.length, structureOf(L1T2))).toBe(false);
  });

  it("reads nothing outside, whatever the prefix", () => {
    const probe = (bytes: Uint8Array, offset: number, length: number): unknown => {
      const descriptor = new DependencyDescriptor();
      if (!descriptor.set(bytes, offset, length, structureOf(L1T2))) return undefined;
      const target = new Uint8Array(300);
      const end = descriptor.writeActiveDecodeTargets(target, 0, 1);
      return [descriptor, [...target.subarray(0, end)]];
    };
    const bytes = encodeDescriptor({ ...KEYFRAME, mask: 1, fdiffs: [300, 1], chainFdiffs: [9] }, L1T2);
    expect(acceptedPrefixes(bytes, probe)).toEqual([3, bytes.length]);
    for (const [offset, length] of absurdRanges(bytes)) expect(probe(bytes, offset, length)).toBeUndefined();
  });

  it("lets the frame number be patched", () => {
    const bytes = encodeDescriptor({ ...KEYFRAME, structurePresent: false }, L1T2);
    patchFrameNumber(bytes, 0, 0xabcd);
    const descriptor = new DependencyDescriptor();
    descriptor.set(bytes, 0, 3, structureOf(L1T2));
    expect(descriptor.frameNumber).toBe(0xabcd);
  });
});
