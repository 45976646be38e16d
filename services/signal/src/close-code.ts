/** Why signal closes a WebSocket (docs/protocol.md). The close reason holds an error code where there is one. */
export const CloseCode = {
  /** Left, or the session ended: Event.session_ended was sent before. */
  DONE: 1000,
  /** This signal node is going away: resume at once, elsewhere. */
  GOING_AWAY: 1001,
  /** The token was refused, or the rules of the protocol were broken beyond repair. */
  POLICY: 1008,
  /** Sent by the WebSocket layer: a frame beyond the hard limit. */
  TOO_LARGE: 1009,
  /** The link to the session broke: resume. */
  INTERNAL: 1011,
  /** Too many requests, or the client reads too slowly: resume after a pause. */
  OVERLOADED: 1013,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];
