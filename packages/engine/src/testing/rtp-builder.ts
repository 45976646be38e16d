import { HeaderExtensionWriter } from "@cation/rtp/header-extension-writer";
import { writeRtpHeader } from "@cation/rtp/rtp-writer";

/** An RTP packet to be made. */
export interface RtpDraft {
  readonly payloadType: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker?: boolean;
  /** Header extensions by id. */
  readonly extensions?: Readonly<Record<number, Uint8Array>>;
  readonly payload: Uint8Array;
}

/** Builds a packet in bytes of its own. */
export function buildRtp(draft: RtpDraft): Uint8Array {
  const target = new Uint8Array(1500);
  const extensions = Object.entries(draft.extensions ?? {});
  const writer = new HeaderExtensionWriter(extensions.map(([id]) => Number(id)));
  for (const [i, [, data]] of extensions.entries()) writer.put(i, data, 0, data.length);
  const hasExtension = extensions.length > 0;
  let end = writeRtpHeader(
    target,
    0,
    draft.payloadType,
    draft.marker ?? false,
    draft.sequenceNumber & 0xffff,
    draft.timestamp >>> 0,
    draft.ssrc,
    hasExtension,
  );
  if (hasExtension) end = writer.write(target, end);
  target.set(draft.payload, end);
  return target.slice(0, end + draft.payload.length);
}

/** What a VP8 payload is made from. */
export interface Vp8Draft {
  readonly pictureId: number;
  readonly tl0PictureIndex: number;
  readonly temporalId: number;
  readonly layerSync?: boolean;
  readonly startOfFrame: boolean;
  readonly keyframe: boolean;
  readonly bytes?: number;
}

/** A VP8 payload with an extended descriptor (15-bit picture id, TL0PICIDX, TID, KEYIDX; RFC 7741 §4.2). */
export function buildVp8(draft: Vp8Draft): Uint8Array {
  const payload = new Uint8Array(6 + (draft.bytes ?? 20));
  payload[0] = 0x80 | (draft.startOfFrame ? 0x10 : 0);
  payload[1] = 0xf0;
  payload[2] = 0x80 | (draft.pictureId >> 8);
  payload[3] = draft.pictureId & 0xff;
  payload[4] = draft.tl0PictureIndex;
  payload[5] = (draft.temporalId << 6) | (draft.layerSync === true ? 0x20 : 0) | 1;
  payload[6] = draft.startOfFrame && draft.keyframe ? 0x10 : 0x11;
  if (draft.startOfFrame && draft.keyframe) payload.set([0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01], 9);
  for (let i = 16; i < payload.length; i++) payload[i] = i & 0xff;
  return payload;
}
