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
  /** RED: payload type of the blocks inside, for the receiver; NONE where they stay or where it is unwrapped. */
  readonly #redBlocks = new Int8Array(128).fill(NONE);
  /** RED: the receiver lacks it and gets the newest block alone. */
  readonly #unwrapped = new Uint8Array(128);

  constructor(incoming: readonly CodecParameters[], outgoing: readonly CodecParameters[]) {
    for (const codec of incoming) {
      const match = bestMatch(codec, outgoing) ?? this.#unwrap(codec, outgoing);
      if (match === undefined) continue;
      if (isRed(codec)) this.#takeRed(codec, match);
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

  /** Whether packets of a RED payload type go out as their newest block, since the receiver has no RED (RFC 2198). */
  unwrapsRed(payloadType: number): boolean {
    return this.#unwrapped[payloadType] !== 0;
  }

  /** Payload type that the blocks inside a RED packet get; -1 where they keep theirs. */
  redBlockTypeOf(payloadType: number): number {
    return this.#redBlocks[payloadType];
  }

  /** Whether it maps every payload type as `other` does. */
  equals(other: PayloadMap): boolean {
    for (let i = 0; i < 128; i++) {
      if (this.#outgoing[i] !== other.#outgoing[i] || this.#outgoingRtx[i] !== other.#outgoingRtx[i]) return false;
      if (this.#redBlocks[i] !== other.#redBlocks[i] || this.#unwrapped[i] !== other.#unwrapped[i]) return false;
    }
    return true;
  }

  #takeRed(incoming: CodecParameters, outgoing: CodecParameters): void {
    if (!isRed(outgoing)) this.#unwrapped[incoming.payloadType] = 1;
    else if (redBlockType(outgoing) !== redBlockType(incoming)) {
      this.#redBlocks[incoming.payloadType] = redBlockType(outgoing);
    }
  }

  /** What is inside RED, where the receiver has that. */
  #unwrap(codec: CodecParameters, outgoing: readonly CodecParameters[]): CodecParameters | undefined {
    if (!isRed(codec)) return undefined;
    return outgoing.find(
      ({ mimeType, clockRateHz, channels }) =>
        mimeType.toLowerCase() === "audio/opus" && clockRateHz === codec.clockRateHz && channels === codec.channels,
    );
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
  // Its fmtp names the payload types inside (RFC 2198 §5), which are each transport's own.
  if (mimeType === "audio/red") return redBlockType(a) >= 0 && redBlockType(b) >= 0;
  const parameters = DISTINGUISHING[mimeType] ?? [];
  return parameters.every(({ key, preset }) => fmtpValue(a.fmtp, key, preset) === fmtpValue(b.fmtp, key, preset));
}

function isRed({ mimeType }: CodecParameters): boolean {
  return mimeType.toLowerCase() === "audio/red";
}

/** Payload type of what is inside RED, of which all blocks are: "111/111"; -1 where its fmtp does not say one. */
function redBlockType({ fmtp }: CodecParameters): number {
  const types = fmtp.split("/").map((type) => Number(type.trim() === "" ? Number.NaN : type));
  return types.length > 0 && types.every((type) => type === types[0] && type >= 0 && type <= 127) ? types[0] : NONE;
}

/** Value of one fmtp parameter, or its preset. */
function fmtpValue(fmtp: string, key: string, preset: string): string {
  for (const part of fmtp.split(";")) {
    const [name, value] = part.trim().split("=");
    if (name.toLowerCase() === key && value !== undefined) return value.trim();
  }
  return preset;
}
