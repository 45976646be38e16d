import { HeaderExtensionWriter } from "@cation/rtp/header-extension-writer";
import { writeRtpHeader } from "@cation/rtp/rtp-writer";
import type { SeededRandom } from "./seeded-random.ts";

const HISTORY = 1024;

/** What a sender needs to know about its stream. */
export interface RtpSenderParams {
  readonly ssrc: number;
  readonly payloadType: number;
  readonly rtxSsrc: number;
  /** 0 without RTX: packets are repeated as they were. */
  readonly rtxPayloadType: number;
  readonly clockRateHz: number;
  /** Header extensions of every packet; [id, bytes]. */
  readonly extensions: readonly (readonly [number, Uint8Array])[];
  /** Header extensions of RTX packets. */
  readonly rtxExtensions: readonly (readonly [number, Uint8Array])[];
}

/** One outgoing RTP stream of a simulated client: numbers, history, RTX. */
export class RtpSender {
  params: RtpSenderParams;
  packets = 0;
  octets = 0;
  resent = 0;
  #sequenceNumber: number;
  #rtxSequenceNumber: number;
  #timestampBase: number;
  readonly #history: (Uint8Array | undefined)[] = [];
  readonly #historyExtensions: (readonly (readonly [number, Uint8Array])[])[] = [];

  constructor(params: RtpSenderParams, random: SeededRandom) {
    this.params = params;
    this.#sequenceNumber = random.nextBelow(0x1_0000);
    this.#rtxSequenceNumber = random.nextBelow(0x1_0000);
    this.#timestampBase = random.nextUint32();
  }

  /** Starts anew, as a client does that was restarted: other numbers and timestamps, and another ssrc where told. */
  restart(random: SeededRandom, ssrc: number): void {
    this.params = { ...this.params, ssrc };
    this.#sequenceNumber = random.nextBelow(0x1_0000);
    this.#timestampBase = random.nextUint32();
    this.#history.length = 0;
  }

  /** RTP timestamp of an instant on the sender's clock. */
  timestampAt(timeUs: number): number {
    return (this.#timestampBase + Math.round((timeUs * this.params.clockRateHz) / 1_000_000)) >>> 0;
  }

  /** The next packet, with header extensions of its own besides those of all. */
  packet(
    payload: Uint8Array,
    marker: boolean,
    captureUs: number,
    more: readonly (readonly [number, Uint8Array])[] = [],
  ): Uint8Array {
    const { params } = this;
    const sequenceNumber = this.#sequenceNumber;
    this.#sequenceNumber = (sequenceNumber + 1) & 0xffff;
    const timestamp = this.timestampAt(captureUs);
    const header = { payloadType: params.payloadType, ssrc: params.ssrc, sequenceNumber, timestamp, marker };
    const bytes = build(header, [...params.extensions, ...more], payload);
    this.#history[sequenceNumber % HISTORY] = bytes;
    this.#historyExtensions[sequenceNumber % HISTORY] = more;
    this.packets++;
    this.octets += payload.length;
    return bytes;
  }

  /** A packet once more (RFC 4588 §4 where RTX is used); undefined where it is forgotten. */
  repeat(sequenceNumber: number): Uint8Array | undefined {
    const { params } = this;
    const original = this.#history[sequenceNumber % HISTORY];
    if (original === undefined) return undefined;
    const view = new DataView(original.buffer, original.byteOffset, original.byteLength);
    if (view.getUint16(2) !== sequenceNumber) return undefined;
    this.resent++;
    if (params.rtxPayloadType === 0) return original;
    const headerBytes = 12 + ((original[0] & 0x10) === 0 ? 0 : 4 + 4 * view.getUint16(14));
    const payload = new Uint8Array(2 + original.length - headerBytes);
    payload[0] = sequenceNumber >> 8;
    payload[1] = sequenceNumber & 0xff;
    payload.set(original.subarray(headerBytes), 2);
    const header = {
      payloadType: params.rtxPayloadType,
      ssrc: params.rtxSsrc,
      sequenceNumber: this.#rtxSequenceNumber,
      timestamp: view.getUint32(4),
      marker: (original[1] & 0x80) !== 0,
    };
    this.#rtxSequenceNumber = (this.#rtxSequenceNumber + 1) & 0xffff;
    return build(header, [...params.rtxExtensions, ...this.#historyExtensions[sequenceNumber % HISTORY]], payload);
  }
}

interface Header {
  readonly payloadType: number;
  readonly ssrc: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly marker: boolean;
}

function build(
  header: Header,
  extensions: readonly (readonly [number, Uint8Array])[],
  payload: Uint8Array,
): Uint8Array {
  const writer = new HeaderExtensionWriter(extensions.map(([id]) => id));
  for (const [i, [, data]] of extensions.entries()) writer.put(i, data, 0, data.length);
  const target = new Uint8Array(12 + writer.byteLength + payload.length);
  const { payloadType, marker, sequenceNumber, timestamp, ssrc } = header;
  let end = writeRtpHeader(target, 0, payloadType, marker, sequenceNumber, timestamp, ssrc, extensions.length > 0);
  if (extensions.length > 0) end = writer.write(target, end);
  target.set(payload, end);
  return target;
}
