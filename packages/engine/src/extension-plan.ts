import { writeU32 } from "@cation/rtp/byte-order";
import { ABS_SEND_TIME_BYTES } from "@cation/rtp/abs-send-time";
import { HeaderExtensionWriter } from "@cation/rtp/header-extension-writer";
import type { HeaderExtensionIds, HeaderExtensionName } from "./header-extensions.ts";
import type { IncomingPacket } from "./incoming-packet.ts";

const FIXED_HEADER_BYTES = 12;
/** Leaves room in a record's prefix for the fixed header, an original sequence number and a VP8 descriptor. */
const BLOCK_MAX_BYTES = 76;
const TRANSPORT_CC_BYTES = 2;

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
  absSendTimeOffset = -1;
  transportCcOffset = -1;

  readonly #bytes: Uint8Array;
  readonly #writer: HeaderExtensionWriter;
  readonly #incomingIds: Uint8Array;
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
      sameIds(this.key.incoming, key.incoming) &&
      sameIds(this.key.outgoing, key.outgoing)
    );
  }

  /** Builds the block for a packet, unless that is done. False where it does not fit into a record. */
  prepare(packet: IncomingPacket): boolean {
    if (packet.serial === this.#preparedSerial) return this.#fits;
    this.#preparedSerial = packet.serial;
    this.#takeElements(packet);
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
