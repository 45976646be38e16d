import { isKeyframeStart } from "@cation/rtp/payload/keyframe";
import { CodecKind } from "@cation/rtp/payload/codec-kind";
import { DependencyStructure } from "@cation/rtp/payload/dependency-structure";
import { RedPayload } from "@cation/rtp/payload/red";
import { Vp8Payload } from "@cation/rtp/payload/vp8";
import { Vp9Payload } from "@cation/rtp/payload/vp9";
import { DropReason } from "./drop-reason.ts";
import { FrameSizeReader } from "./frame-size-reader.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import { Layering } from "./layering.ts";
import type { StreamLayers } from "./stream-layers.ts";

const NO_STRUCTURE = new DependencyStructure();

/** Looks into payloads as far as forwarding needs it: descriptor fields, layers and keyframe starts. One in an engine. */
export class PayloadStage {
  readonly #vp8 = new Vp8Payload();
  readonly #vp9 = new Vp9Payload();
  readonly #red = new RedPayload();
  readonly #sizes = new FrameSizeReader();

  /**
   * Fills the payload fields of `packet`, whose payload is not empty, and notes in `layers` what it says of those that
   * follow. `descriptorId`: id of the dependency descriptor, 0 where it was not negotiated.
   */
  describe(packet: IncomingPacket, codec: CodecKind, layers: StreamLayers, descriptorId: number): DropReason {
    switch (codec) {
      case CodecKind.VP8:
        return this.#describeVp8(packet, layers);
      case CodecKind.VP9:
        return this.#describeVp9(packet, layers);
      case CodecKind.H264:
      case CodecKind.AV1:
        packet.keyframeStart = isKeyframeStart(codec, packet.view.bytes, packet.payloadStart, packet.payloadBytes);
        if (packet.keyframeStart) this.#readSize(packet, codec, layers);
        if (descriptorId > 0) describeDependencies(packet, layers, descriptorId);
        return DropReason.NONE;
      case CodecKind.RED:
        packet.keyframeStart = true;
        return this.#describeRed(packet) ? DropReason.NONE : DropReason.DESCRIPTOR_MALFORMED;
      default:
        packet.keyframeStart = true;
        return DropReason.NONE;
    }
  }

  /** The descriptor alone, for sending a packet again. */
  describeDescriptor(packet: IncomingPacket, codec: CodecKind): void {
    const { bytes } = packet.view;
    const start = packet.payloadStart;
    if (codec === CodecKind.VP8 && this.#vp8.set(bytes, start, packet.payloadBytes)) {
      packet.descriptorBytes = this.#vp8.descriptorBytes;
    } else if (codec === CodecKind.VP9 && this.#vp9.set(bytes, start, packet.payloadBytes)) {
      packet.descriptorBytes = rewrittenVp9Bytes(this.#vp9);
      if (packet.descriptorBytes > 0) packet.layering = Layering.VP9;
    } else if (codec === CodecKind.RED) {
      this.#describeRed(packet);
    }
    packet.descriptorOffset = start;
  }

  #describeRed(packet: IncomingPacket): boolean {
    const red = this.#red;
    const start = packet.payloadStart;
    if (!red.set(packet.view.bytes, start, packet.payloadBytes)) return false;
    packet.redHeaderBytes = 4 * red.blockCount + 1;
    packet.redPrimaryStart = red.primaryOffset - start;
    return true;
  }

  #describeVp8(packet: IncomingPacket, layers: StreamLayers): DropReason {
    const vp8 = this.#vp8;
    const start = packet.payloadStart;
    if (!vp8.set(packet.view.bytes, start, packet.payloadBytes)) return DropReason.DESCRIPTOR_MALFORMED;
    packet.descriptorBytes = vp8.descriptorBytes;
    packet.descriptorOffset = start;
    packet.keyframeStart = vp8.keyframe;
    packet.frameStart = vp8.startOfFrame;
    packet.tl0PictureIndex = vp8.tl0PictureIndex;
    packet.temporalId = vp8.temporalId;
    packet.layerSync = vp8.layerSync;
    if (vp8.keyframe && vp8.width > 0) {
      layers.widths[0] = vp8.width;
      layers.heights[0] = vp8.height;
    }
    if (vp8.pictureId >= 0) packet.pictureId = layers.pictureIds.unwrap(vp8.pictureId, vp8.pictureIdBits);
    return DropReason.NONE;
  }

  #describeVp9(packet: IncomingPacket, layers: StreamLayers): DropReason {
    const vp9 = this.#vp9;
    const start = packet.payloadStart;
    if (!vp9.set(packet.view.bytes, start, packet.payloadBytes)) return DropReason.DESCRIPTOR_MALFORMED;
    packet.keyframeStart = vp9.keyframe;
    packet.frameStart = vp9.startOfFrame;
    packet.frameEnd = vp9.endOfFrame;
    if (vp9.hasScalabilityStructure) this.#takeVp9Structure(layers);
    // Without picture ids there are no layers to tell apart, and nothing to continue.
    if (vp9.pictureId < 0) return DropReason.NONE;
    packet.layering = Layering.VP9;
    packet.descriptorBytes = rewrittenVp9Bytes(vp9);
    packet.descriptorOffset = start;
    packet.pictureId = layers.pictureIds.unwrap(vp9.pictureId, vp9.pictureIdBits);
    packet.tl0PictureIndex = vp9.tl0PictureIndex;
    packet.temporalId = vp9.temporalId;
    packet.spatialId = vp9.spatialId;
    packet.layerSync = vp9.switchingUp;
    packet.interPicturePredicted = vp9.interPicturePredicted;
    packet.usedAbove = !vp9.notReferenceForUpper;
    layers.discoverSpatialLayer(vp9.spatialId);
    return DropReason.NONE;
  }

  #takeVp9Structure(layers: StreamLayers): void {
    const vp9 = this.#vp9;
    layers.announceSpatialCount(vp9.spatialLayerCount);
    for (let i = 0; i < vp9.spatialLayerCount; i++) {
      if (vp9.widths[i] === 0) continue;
      layers.widths[i] = vp9.widths[i];
      layers.heights[i] = vp9.heights[i];
    }
  }

  #readSize(packet: IncomingPacket, codec: CodecKind, layers: StreamLayers): void {
    const sizes = this.#sizes;
    const { bytes } = packet.view;
    const found =
      codec === CodecKind.H264
        ? sizes.readH264(bytes, packet.payloadStart, packet.payloadBytes)
        : sizes.readAv1(bytes, packet.payloadStart, packet.payloadBytes);
    if (!found) return;
    layers.widths[0] = sizes.width;
    layers.heights[0] = sizes.height;
  }
}

/**
 * Reads the dependency descriptor (AV1 RTP, appendix A). Where its template is not known, since the packet with the
 * structure is still missing, the packet counts as one that all receivers need.
 */
function describeDependencies(packet: IncomingPacket, layers: StreamLayers, descriptorId: number): void {
  const { view, dependency } = packet;
  const offset = view.findExtension(descriptorId);
  if (offset < 0) return;
  if (!dependency.set(view.bytes, offset, view.extensionBytes, layers.structureOf(packet.extSeq) ?? NO_STRUCTURE)) {
    packet.layering = Layering.UNREADABLE;
    packet.pictureId = dependency.frameNumber;
    return;
  }
  layers.takeDescriptor(dependency, packet.extSeq);
  packet.layering = Layering.DEPENDENCY;
  packet.pictureId = dependency.frameNumber;
  packet.frameStart = dependency.startOfFrame;
  packet.frameEnd = dependency.endOfFrame;
  packet.spatialId = dependency.spatialId;
  packet.temporalId = dependency.temporalId;
  packet.usedAbove = isUsedAbove(packet, layers);
}

/** Whether a decode target of a higher spatial layer needs the frame. */
function isUsedAbove(packet: IncomingPacket, layers: StreamLayers): boolean {
  const structure = layers.structure as DependencyStructure;
  const { dtis } = packet.dependency;
  for (let target = 0; target < structure.decodeTargetCount; target++) {
    if (structure.targetSpatialIds[target] > packet.spatialId && dtis[target] !== 0) return true;
  }
  return false;
}

/** Bytes up to the last one that consumers rewrite: flags, picture id, layer indices, TL0PICIDX (RFC 9628 §4.2). */
function rewrittenVp9Bytes(vp9: Vp9Payload): number {
  if (vp9.pictureId < 0) return 0;
  return 1 + (vp9.pictureIdBits === 15 ? 2 : 1) + (vp9.hasLayerIndices ? 1 : 0) + (vp9.tl0PictureIndex >= 0 ? 1 : 0);
}
