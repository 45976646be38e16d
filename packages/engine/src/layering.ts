/** How a packet tells which layers it belongs to, where one stream holds several that a receiver may get less of. */
export const Layering = {
  /** It does not, or by temporal id alone (VP8). */
  NONE: 0,
  /** VP9 payload descriptor (RFC 9628 §4.2). */
  VP9: 1,
  /** Dependency descriptor (AV1 RTP, appendix A), whatever the codec. */
  DEPENDENCY: 2,
  /** Dependency descriptor whose structure is not known, since its packet is missing: everybody gets it. */
  UNREADABLE: 3,
} as const;
export type Layering = (typeof Layering)[keyof typeof Layering];

/** Spatial layers that are told apart: three bits in VP9, two in AV1. */
export const MAX_SPATIAL_LAYERS = 8;
/** Temporal layers: three bits in VP9 and AV1. */
export const MAX_TEMPORAL_LAYERS = 8;
