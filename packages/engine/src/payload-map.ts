import type { CodecParameters } from "./codec-parameters.ts";

const NONE = -1;
/** fmtp parameters that make two payload types different formats, by format; everything else may differ. */
const DISTINGUISHING: Readonly<Record<string, readonly { readonly key: string; readonly preset: string }[]>> = {
  "video/vp9": [{ key: "profile-id", preset: "0" }],
  "video/av1": [{ key: "profile", preset: "0" }],
  "video/h264": [{ key: "packetization-mode", preset: "0" }],
};

/** Which payload type of the receiver each payload type of the producer becomes. */
export class PayloadMap {
  readonly #outgoing = new Int8Array(128).fill(NONE);
  readonly #outgoingRtx = new Int8Array(128).fill(NONE);

  constructor(incoming: readonly CodecParameters[], outgoing: readonly CodecParameters[]) {
    for (const codec of incoming) {
      const match = bestMatch(codec, outgoing);
      if (match === undefined) continue;
      this.#outgoing[codec.payloadType] = match.payloadType;
      if (match.rtxPayloadType > 0) this.#outgoingRtx[codec.payloadType] = match.rtxPayloadType;
    }
  }

  /** -1 where the receiver has no such codec. */
  outgoingOf(payloadType: number): number {
    return this.#outgoing[payloadType];
  }

  /** RTX payload type of it; -1 where the receiver negotiated none. */
  outgoingRtxOf(payloadType: number): number {
    return this.#outgoingRtx[payloadType];
  }

  /** Whether it maps every payload type as `other` does. */
  equals(other: PayloadMap): boolean {
    for (let i = 0; i < 128; i++) {
      if (this.#outgoing[i] !== other.#outgoing[i] || this.#outgoingRtx[i] !== other.#outgoingRtx[i]) return false;
    }
    return true;
  }
}

/** The receiver's codec for a producer's one: same format; of several, the one with the same H264 profile. */
function bestMatch(codec: CodecParameters, candidates: readonly CodecParameters[]): CodecParameters | undefined {
  const matches = candidates.filter((candidate) => sameFormat(codec, candidate));
  const profile = fmtpValue(codec.fmtp, "profile-level-id", "").slice(0, 4).toLowerCase();
  const sameProfile = matches.find(
    (match) => fmtpValue(match.fmtp, "profile-level-id", "").slice(0, 4).toLowerCase() === profile,
  );
  return sameProfile ?? matches[0];
}

function sameFormat(a: CodecParameters, b: CodecParameters): boolean {
  const mimeType = a.mimeType.toLowerCase();
  if (mimeType !== b.mimeType.toLowerCase() || a.clockRateHz !== b.clockRateHz) return false;
  if (a.channels !== b.channels) return false;
  // Its fmtp names the payload types inside, which are not rewritten (RFC 2198 §5).
  if (mimeType === "audio/red") return a.fmtp === b.fmtp;
  const parameters = DISTINGUISHING[mimeType] ?? [];
  return parameters.every(({ key, preset }) => fmtpValue(a.fmtp, key, preset) === fmtpValue(b.fmtp, key, preset));
}

/** Value of one fmtp parameter, or its preset. */
function fmtpValue(fmtp: string, key: string, preset: string): string {
  for (const part of fmtp.split(";")) {
    const [name, value] = part.trim().split("=");
    if (name.toLowerCase() === key && value !== undefined) return value.trim();
  }
  return preset;
}
