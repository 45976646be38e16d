/** A burst that shall be sent at a certain rate, to see whether the path carries it. Media is used first, padding fills up. */
export interface ProbePlan {
  /** Goes with each packet of the burst; never 0. */
  readonly clusterId: number;
  readonly rateBps: number;
  readonly durationUs: number;
  /** The burst ends when both are reached. */
  readonly minPackets: number;
  readonly minBytes: number;
  /** What is not begun by then is not worth sending any more. */
  readonly expiresUs: number;
}
