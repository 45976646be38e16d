/** The part of sdp-transform that is used here. What is parsed may be a number wherever it looks like one. */
declare module "sdp-transform" {
  type Parsed = string | number;

  interface MediaDescription {
    type: string;
    port: Parsed;
    protocol: string;
    payloads?: Parsed;
    connection?: { version: number; ip: string };
    rtp: { payload: Parsed; codec: Parsed; rate?: Parsed; encoding?: Parsed }[];
    fmtp: { payload: Parsed; config: Parsed }[];
    rtcp?: { port: number; netType: string; ipVer: number; address: string };
    rtcpFb?: { payload: Parsed; type: Parsed; subtype?: Parsed }[];
    ext?: { value: Parsed; direction?: string; uri: Parsed }[];
    setup?: Parsed;
    mid?: Parsed;
    msid?: { id: Parsed; appdata?: Parsed }[];
    direction?: string;
    iceUfrag?: Parsed;
    icePwd?: Parsed;
    iceOptions?: Parsed;
    fingerprint?: { type: Parsed; hash: Parsed };
    candidates?: {
      foundation: Parsed;
      component: number;
      transport: string;
      priority: number;
      ip: string;
      port: number;
      type: string;
      tcptype?: string;
    }[];
    endOfCandidates?: string;
    ssrcs?: { id: Parsed; attribute: Parsed; value?: Parsed }[];
    ssrcGroups?: { semantics: Parsed; ssrcs: Parsed }[];
    rtcpMux?: string;
    rtcpRsize?: string;
    rids?: { id: Parsed; direction: string; params?: Parsed }[];
    simulcast?: { dir1: string; list1: Parsed; dir2?: string; list2?: Parsed };
    bundleOnly?: string;
    extmapAllowMixed?: string;
  }

  interface SessionDescription {
    version?: number;
    origin?: {
      username: string;
      sessionId: Parsed;
      sessionVersion: number;
      netType: string;
      ipVer: number;
      address: string;
    };
    name?: Parsed;
    timing?: { start: number; stop: number };
    groups?: { type: Parsed; mids: Parsed }[];
    icelite?: string;
    iceUfrag?: Parsed;
    icePwd?: Parsed;
    iceOptions?: Parsed;
    setup?: Parsed;
    fingerprint?: { type: Parsed; hash: Parsed };
    extmapAllowMixed?: string;
    msidSemantic?: { semantic: string; token: string };
    media: MediaDescription[];
  }

  export function parse(sdp: string): SessionDescription;
  export function write(session: SessionDescription): string;
}
