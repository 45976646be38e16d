import type { HeaderExtensionIds } from "@cation/engine/header-extensions";
import type { TransportHandle } from "@cation/engine/ids";
import { TransportState_State } from "@cation/proto/client/v1/client";
import type { LocalDescription } from "@cation/webrtc/sdp/local-description";
import type { TransportState } from "@cation/webrtc/transport-state";
import type { RemoteDescription } from "@cation/webrtc/webrtc-transport";
import type { MediaMilestone } from "./media-milestones.ts";

/** One ICE and DTLS association with a client, known to the WebRTC server and to the engine. */
export interface ClientTransport {
  readonly handle: TransportHandle;
  readonly state: TransportState;
  /** The server's side for the next description. Each call is a new version of it. */
  describe(): LocalDescription;
  setRemote(remote: RemoteDescription): void;
  /** New ICE credentials from the next description on. */
  restartIce(): void;
  /** Frees all that is held for it; its producers and consumers are closed before. Idempotent. */
  close(): void;
}

export interface ClientTransportOptions {
  /** CNAME under which this server speaks on it (RFC 7022). */
  readonly cname: string;
  /** Ids on packets from the client. */
  readonly extensions: HeaderExtensionIds;
  /** Not called for what `close` does. */
  readonly onState: (state: TransportState) => void;
  /** Told what happens first on it, where somebody wants to know. */
  readonly onMilestone?: ((milestone: MediaMilestone) => void) | undefined;
}

/** Opens transports to clients: the worker that carries the room. */
export interface ClientTransportOpener {
  openClientTransport(options: ClientTransportOptions): ClientTransport;
}

/** The state as clients are told it. */
export function toStateMessage(state: TransportState): TransportState_State {
  switch (state) {
    case "new":
    case "connecting":
      return TransportState_State.CONNECTING;
    case "connected":
      return TransportState_State.CONNECTED;
    case "disconnected":
      return TransportState_State.DISCONNECTED;
    case "failed":
    case "closed":
      return TransportState_State.FAILED;
  }
}
