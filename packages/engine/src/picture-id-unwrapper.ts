import { pictureIdDelta } from "@cation/rtp/sequence";

/** Continues 7- and 15-bit picture ids of one stream to 15 bits, as consumers write them (RFC 7741 §4.2, RFC 9628 §4.2). */
export class PictureIdUnwrapper {
  /** Newest id; -1 before the first. */
  highest = -1;

  unwrap(pictureId: number, bits: number): number {
    if (this.highest < 0 || bits === 15) {
      this.highest = pictureId;
      return pictureId;
    }
    const delta = pictureIdDelta(pictureId, this.highest, bits);
    const unwrapped = (this.highest + delta) & 0x7fff;
    if (delta > 0) this.highest = unwrapped;
    return unwrapped;
  }

  reset(): void {
    this.highest = -1;
  }
}
