/** What a viewer gets of a picture. */
export interface VideoPath {
  /** Share of packets lost on the way, repaired or not, 0 … 1. */
  readonly loss: number;
  /** Bitrate that is sent over the bitrate of what was wished, 0 … 1; 1 where nothing was held back. */
  readonly share: number;
  /** Nothing is sent although a picture is wished and published. */
  readonly stalled: boolean;
}

/** A picture of a quarter of the bits looks half as good, not a quarter. */
const SHARE_EXPONENT = 0.3;
/** Most loss is repaired by retransmission, at the price of delay and freezes. */
const LOSS_WEIGHT = 4;

/** Score of a picture, 1 … 5; docs/quality.md has the formula and its reasons. */
export function videoScore({ loss, share, stalled }: VideoPath): number {
  if (stalled || share <= 0) return 1;
  const clarity = Math.min(1, share) ** SHARE_EXPONENT;
  return 1 + 4 * clarity * Math.exp(-LOSS_WEIGHT * Math.min(1, Math.max(0, loss)));
}
