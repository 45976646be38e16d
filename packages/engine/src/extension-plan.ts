import { writeU32 } from "@cation/rtp/byte-order";
import { ABS_SEND_TIME_BYTES } from "@cation/rtp/abs-send-time";
import { HeaderExtensionWriter } from "@cation/rtp/header-extension-writer";
import type { HeaderExtensionIds, HeaderExtensionName } from "./header-extensions.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import { Layering } from "./layering.ts";

const FIXED_HEADER_BYTES = 12;
/** Leaves room in a record's prefix for the fixed header, an original sequence number and a VP8 descriptor. */
const BLOCK_MAX_BYTES = 76;
const TRANSPORT_CC_BYTES = 2;
/** Block header, abs-send-time, transport-wide number, header of the descriptor, padding; in the two-byte form. */
const RESERVED_BYTES = 4 + 5 + 4 + 2 + 3;
/** What another mask may add to a descriptor: flags where it had none, and the mask. */
const MASK_MAX_BYTES = 5;

/** Passed on from the packet as they are, most dispensable last. */
const COPIED: readonly HeaderExtensionName[] = [
  "dependencyDescriptor",
  "audioLevel",
  "videoOrientation",
  "playoutDelay",
  "absCaptureTime",
];
/** Only relays pass these on: a client gets the mid of its own m-line and no rid. */
const COPIED_BY_RELAY: readonly HeaderExtensionName[] = ["rid", "repairedRid"];

/** What decides how header extensions go from a producer to a consumer; consumers that agree share one plan. */
export interface ExtensionPlanKey {
  readonly incoming: HeaderExtensionIds;
  readonly outgoing: HeaderExtensionIds;
  /** Length of the receiver's mid, 0 for none. */
  readonly midBytes: number;
  readonly relay: boolean;
  /** Decode targets that dependency descriptors name as active (AV1 RTP §A.4); -1 for what the sender says. */
  readonly activeTargets: number;
}

/**
 * Builds CSRCs and header extensions of outgoing packets: once a packet for all consumers with the same key. What differs
 * between those (mid, abs-send-time, transport-wide number) is patched by each in its own record.
 */
export class ExtensionPlan {
  readonly key: ExtensionPlanKey;
  /** The block, ready to be copied behind the fixed header, in whole words. */
  readonly words: Uint32Array = new Uint32Array(BLOCK_MAX_BYTES / 4);
  blockWords = 0;
  /** First byte of the RTP header: version, X and CC. */
  firstByte = 0x80;
  /** Offsets from the start of the RTP header; -1 where the element is absent. */
  midOffset = -1;
  descriptorOffset = -1;
  absSendTimeOffset = -1;
  transportCcOffset = -1;

  readonly #bytes: Uint8Array;
  readonly #writer: HeaderExtensionWriter;
  readonly #incomingIds: Uint8Array;
  /** Place of the dependency descriptor among the elements; -1 where it is not passed on. */
  readonly #descriptorIndex: number;
  /** Descriptors with another mask are made here. */
  readonly #descriptor: Uint8Array;
  /** The structure was too long to be passed on, so that nobody could read what refers to it. */
  #leavesDescriptorsOut = false;
  readonly #midIndex: number;
  readonly #absSendTimeIndex: number;
  readonly #transportCcIndex: number;
  #preparedSerial = -1;
  #fits = false;

  constructor(key: ExtensionPlanKey) {
    this.key = key;
    this.#bytes = new Uint8Array(this.words.buffer);
    const outgoingIds: number[] = [];
    const incomingIds: number[] = [];
    const reserve = (outgoing: number): number => (outgoing > 0 ? outgoingIds.push(outgoing) - 1 : -1);
    for (const name of key.relay ? [...COPIED_BY_RELAY, ...COPIED] : COPIED) {
      if (key.incoming[name] === 0 || key.outgoing[name] === 0) continue;
      outgoingIds.push(key.outgoing[name]);
      incomingIds.push(key.incoming[name]);
    }
    this.#midIndex = key.midBytes > 0 ? reserve(key.outgoing.mid) : -1;
    this.#absSendTimeIndex = reserve(key.outgoing.absSendTime);
    this.#transportCcIndex = reserve(key.outgoing.transportCc);
    this.#incomingIds = Uint8Array.from(incomingIds);
    this.#descriptorIndex = incomingIds.indexOf(key.incoming.dependencyDescriptor || -1);
    this.#descriptor = new Uint8Array(this.#descriptorIndex >= 0 && key.activeTargets >= 0 ? BLOCK_MAX_BYTES : 0);
    this.#writer = new HeaderExtensionWriter(outgoingIds);
    if (this.#midIndex >= 0) this.#writer.reserve(this.#midIndex, key.midBytes);
    if (this.#absSendTimeIndex >= 0) this.#writer.reserve(this.#absSendTimeIndex, ABS_SEND_TIME_BYTES);
    if (this.#transportCcIndex >= 0) this.#writer.reserve(this.#transportCcIndex, TRANSPORT_CC_BYTES);
  }

  /** Whether this plan serves a consumer with that key. */
  serves(key: ExtensionPlanKey): boolean {
    return (
      this.key.midBytes === key.midBytes &&
      this.key.relay === key.relay &&
      this.key.activeTargets === key.activeTargets &&
      sameIds(this.key.incoming, key.incoming) &&
      sameIds(this.key.outgoing, key.outgoing)
    );
  }

  /** Builds the block for a packet, unless that is done. False where it does not fit into a record. */
  prepare(packet: IncomingPacket): boolean {
    if (packet.serial === this.#preparedSerial) return this.#fits;
    this.#preparedSerial = packet.serial;
    this.#takeElements(packet);
    if (this.#descriptorIndex >= 0) this.#takeDescriptor(packet);
    this.#fits = this.#write(packet);
    return this.#fits;
  }

  #takeElements(packet: IncomingPacket): void {
    const view = packet.view;
    const ids = this.#incomingIds;
    for (let i = 0; i < ids.length; i++) {
      const offset = view.findExtension(ids[i]);
      if (offset >= 0) this.#writer.put(i, view.bytes, offset, view.extensionBytes);
      else this.#writer.omit(i);
    }
  }

  #takeDescriptor(packet: IncomingPacket): void {
    const index = this.#descriptorIndex;
    const { dependency } = packet;
    if (packet.layering === Layering.DEPENDENCY) {
      if (dependency.structurePresent) this.#leavesDescriptorsOut = !this.#fitsDescriptor(packet);
      if (this.#descriptor.length > 0 && !this.#leavesDescriptorsOut) {
        const end = dependency.writeActiveDecodeTargets(this.#descriptor, 0, this.key.activeTargets);
        if (end > 0) this.#writer.put(index, this.#descriptor, 0, end);
      }
    }
    if (this.#leavesDescriptorsOut) this.#writer.omit(index);
  }

  /** Whether a descriptor with its structure finds room beside what differs between consumers. */
  #fitsDescriptor(packet: IncomingPacket): boolean {
    const { view } = packet;
    if (view.findExtension(this.key.incoming.dependencyDescriptor) < 0) return false;
    const others = (this.#midIndex >= 0 ? this.key.midBytes + 2 : 0) + RESERVED_BYTES + 4 * view.csrcCount;
    return others + view.extensionBytes + MASK_MAX_BYTES <= BLOCK_MAX_BYTES;
  }

  #write(packet: IncomingPacket): boolean {
    const view = packet.view;
    let position = 0;
    for (let i = 0; i < view.csrcCount; i++, position += 4) writeU32(this.#bytes, position, view.csrc(i));
    const csrcBytes = position;
    position = this.#writer.write(this.#bytes, position);
    for (let i = this.#incomingIds.length - 1; position < 0 && i >= 0; i--) {
      this.#writer.omit(i);
      position = this.#writer.write(this.#bytes, csrcBytes);
    }
    if (position < 0) return false;
    this.blockWords = position >> 2;
    this.firstByte = 0x80 | (position > csrcBytes ? 0x10 : 0) | view.csrcCount;
    this.midOffset = this.#offsetOf(this.#midIndex);
    this.descriptorOffset = this.#offsetOf(this.#descriptorIndex);
    this.absSendTimeOffset = this.#offsetOf(this.#absSendTimeIndex);
    this.transportCcOffset = this.#offsetOf(this.#transportCcIndex);
    return true;
  }

  #offsetOf(index: number): number {
    return index < 0 ? -1 : FIXED_HEADER_BYTES + this.#writer.offsetOf(index);
  }
}

function sameIds(a: HeaderExtensionIds, b: HeaderExtensionIds): boolean {
  if (a === b) return true;
  for (const name of Object.keys(a) as HeaderExtensionName[]) {
    if (a[name] !== b[name]) return false;
  }
  return true;
}
