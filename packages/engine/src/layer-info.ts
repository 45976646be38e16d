/** One layer of a track as it arrives: a simulcast encoding or a spatial layer, up to one of its temporal layers. */
export interface LayerInfo {
  /** Simulcast encoding, lowest first, or spatial layer inside the one stream; what a consumer's wish counts in. */
  readonly spatialId: number;
  readonly temporalId: number;
  /** Measured over the last second: what a receiver of this layer gets, all that it needs below it included. */
  readonly bitrateBps: number;
  /** Whether it is being sent. */
  readonly active: boolean;
  /** Pixels; 0 while not known. */
  readonly width: number;
  readonly height: number;
}
