/** One rung of a track's ladder: what is received with it, and what it costs. */
export interface LayerStep {
  readonly spatialId: number;
  readonly temporalId: number;
  /** Everything up to and with this layer. */
  readonly bitrateBps: number;
  /** Of the picture; 0 where not known. */
  readonly height: number;
}
