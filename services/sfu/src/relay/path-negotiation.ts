import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { LinkPath as LinkPathMessage } from "@cation/proto/relay/v1/relay";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { LinkPath } from "./link-path.ts";
import type { RelayPaths } from "./relay-paths.ts";
import type { AssociationUser, UdpAssociation } from "./udp-association.ts";
import { UdpPath } from "./udp-path.ts";

/** A way that is not found by then is not used. */
const DEADLINE_MS = 800;

export interface PathNegotiationOptions {
  readonly paths: RelayPaths;
  readonly peerNodeId: string;
  readonly clock: Clock;
  readonly send: (message: LinkPathMessage) => void;
  /** Once; undefined: on the gRPC stream. */
  readonly onSettled: (path: LinkPath | undefined, kind: MediaPath) => void;
  /** The path that was settled on is lost. */
  readonly onLost: () => void;
}

/** The watching end's part in finding out how media travels on a new link. */
export class PathNegotiation {
  readonly #options: PathNegotiationOptions;
  readonly #timer: Timer;
  #association: UdpAssociation | undefined;
  #user: AssociationUser | undefined;
  #settled = false;

  constructor(options: PathNegotiationOptions) {
    this.#options = options;
    this.#timer = options.clock.setTimer(DEADLINE_MS, () => this.#fail());
  }

  receive({ path, udp }: LinkPathMessage): void {
    const { paths, send } = this.#options;
    if (this.#settled) return;
    if (path === MediaPath.NATS && paths.nats?.broker.connected) return this.#settle(undefined, path);
    if (path !== MediaPath.UDP || !udp || !paths.udp) return this.#settle(undefined);
    const association = paths.udp.accept(udp);
    // Ours is gone: the sender makes another proposal.
    if (!association) return send({ path: MediaPath.UDP, chosen: false, udp: undefined });
    send({ path: MediaPath.UDP, chosen: false, udp: association.endpoint });
    this.#use(association);
  }

  /** Idempotent. A path that was settled on stays in use until it is closed. */
  close(): void {
    this.#timer.cancel();
    if (!this.#settled) this.#release();
    this.#settled = true;
  }

  #use(association: UdpAssociation): void {
    if (this.#association === association) return;
    this.#release();
    const user: AssociationUser = {
      onOpen: () => {
        if (this.#user === user && !this.#settled) this.#settle(new UdpPath(association, user));
      },
      onLost: () => {
        if (this.#user !== user) return;
        if (this.#settled) this.#options.onLost();
        else this.#release();
      },
    };
    this.#association = association;
    this.#user = user;
    association.use(user);
  }

  #release(): void {
    const user = this.#user;
    this.#user = undefined;
    if (user) this.#association?.release(user);
    this.#association = undefined;
  }

  #fail(): void {
    this.#release();
    this.#options.paths.udp?.noteFailure(this.#options.peerNodeId);
    this.#settle(undefined);
  }

  #settle(path: LinkPath | undefined, kind: MediaPath = path?.kind ?? MediaPath.GRPC): void {
    this.#settled = true;
    this.#timer.cancel();
    this.#options.send({ path: kind, chosen: true, udp: undefined });
    this.#options.onSettled(path, kind);
  }
}
