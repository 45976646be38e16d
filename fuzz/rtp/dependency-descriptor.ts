import { DependencyDescriptor } from "@cation/rtp/payload/dependency-descriptor";
import { DependencyStructure } from "@cation/rtp/payload/dependency-structure";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** Dependency descriptors, structure and all; what was read is written with another mask, and must read the same. */
export function dependencyDescriptor(corpus: Corpus): FuzzTarget {
  const { seeds, structure } = corpus.descriptors();
  const descriptor = new DependencyDescriptor();
  const rewritten = new DependencyDescriptor();
  const used = new DependencyStructure();
  const digest = new Digest();
  const target = new Uint8Array(4096);
  return {
    name: "dependency-descriptor",
    seeds,
    read(bytes, offset, length) {
      if (!descriptor.set(bytes, offset, length, structure)) return REFUSED;
      used.copyFrom(descriptor.structurePresent ? descriptor.attachedStructure : structure);
      digest.start(offset, offset + length);
      digestDescriptor(digest, descriptor, used);
      digest.number(descriptor.activeDecodeTargets);
      const read = digest.value;
      const end = descriptor.writeActiveDecodeTargets(target, 0, used.allTargetsMask);
      if (end < 4) throw new Error("cannot be rewritten");
      if (!rewritten.set(target, 0, end, used)) throw new Error("what was rewritten cannot be read");
      if (rewritten.activeDecodeTargets !== used.allTargetsMask) throw new Error("another mask");
      digest.start(offset, offset + length);
      digestDescriptor(digest, rewritten, used);
      digest.number(descriptor.activeDecodeTargets);
      if (digest.value !== read) throw new Error("what was rewritten reads otherwise");
      return read;
    },
  };
}

function digestDescriptor(digest: Digest, descriptor: DependencyDescriptor, structure: DependencyStructure): void {
  digest.flag(descriptor.startOfFrame);
  digest.flag(descriptor.endOfFrame);
  digest.number(descriptor.templateId);
  digest.number(descriptor.frameNumber);
  digest.flag(descriptor.structurePresent);
  digest.number(descriptor.spatialId);
  digest.number(descriptor.temporalId);
  digest.number(descriptor.width);
  digest.number(descriptor.height);
  for (let i = 0; i < structure.decodeTargetCount; i++) digest.number(descriptor.dtis[i]);
  for (let i = 0; i < descriptor.fdiffCount; i++) digest.number(descriptor.fdiffs[i]);
  for (let i = 0; i < structure.chainCount; i++) digest.number(descriptor.chainFdiffs[i]);
  for (let i = 0; i < structure.decodeTargetCount; i++) {
    if (structure.chainCount > 0 && structure.targetChains[i] >= structure.chainCount) throw new Error("no such chain");
  }
}
