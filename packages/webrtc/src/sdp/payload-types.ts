import type { CodecParameters } from "@cation/engine/codec-parameters";
import { parseFmtp } from "../router-capabilities.ts";

/** Payload types of one codec on one connection. */
export interface PayloadTypePair {
  readonly payloadType: number;
  /** 0 where the codec has no RTX. */
  readonly rtxPayloadType: number;
}

/**
 * Dynamic numbers, in the order they are given out: 96 … 127 first, then 35 … 63. 64 … 95 would be taken for RTCP
 * (RFC 5761 §4).
 */
const DYNAMIC: readonly number[] = [
  ...Array.from({ length: 32 }, (_, index) => 96 + index),
  ...Array.from({ length: 29 }, (_, index) => 35 + index),
];

/**
 * Payload types of one bundled connection, where a number means the same codec on every m-line and for good (RFC 9143
 * §9.1): a codec keeps what it once got.
 */
export class PayloadTypes {
  readonly #byCodec = new Map<string, PayloadTypePair>();
  #next = 0;

  /** The numbers of a codec; `undefined` when none are left. */
  allocate(codec: CodecParameters): PayloadTypePair | undefined {
    const key = codecKey(codec);
    const known = this.#byCodec.get(key);
    if (known !== undefined) return known;
    const wanted = usesRtx(codec) ? 2 : 1;
    if (this.#next + wanted > DYNAMIC.length) return undefined;
    const pair = {
      payloadType: DYNAMIC[this.#next] ?? 0,
      rtxPayloadType: wanted === 2 ? (DYNAMIC[this.#next + 1] ?? 0) : 0,
    };
    this.#next += wanted;
    this.#byCodec.set(key, pair);
    return pair;
  }
}

/** RTX repairs video; lost audio is too late. */
function usesRtx(codec: CodecParameters): boolean {
  return codec.channels === 0;
}

function codecKey(codec: CodecParameters): string {
  const fmtp = [...parseFmtp(codec.fmtp)].map(([name, value]) => `${name}=${value.toLowerCase()}`);
  const { mimeType, clockRateHz, channels } = codec;
  return [mimeType.toLowerCase(), clockRateHz, channels, ...fmtp.sort()].join(";");
}
