import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { LinkHello, LinkPath as LinkPathMessage } from "@cation/proto/relay/v1/relay";
import type { LinkPath } from "./link-path.ts";
import type { RelayPaths } from "./relay-paths.ts";
import type { AssociationUser, UdpAssociation } from "./udp-association.ts";
import { UdpPath } from "./udp-path.ts";

/** Two ends that cannot agree on an association give up. */
const MAX_PROPOSALS = 4;

export interface PathProposalOptions {
  readonly paths: RelayPaths;
  readonly hello: LinkHello;
  readonly send: (message: LinkPathMessage) => void;
  /** Undefined: on the gRPC stream. */
  readonly onChosen: (path: LinkPath | undefined, kind: MediaPath) => void;
  /** The chosen path is lost. */
  readonly onLost: () => void;
}

/** The sending end's part in finding out how media travels on a new link. */
export class PathProposal {
  readonly #options: PathProposalOptions;
  #proposals = 0;
  #association: UdpAssociation | undefined;
  #user: AssociationUser | undefined;
  #chosen = false;

  constructor(options: PathProposalOptions) {
    this.#options = options;
    this.#propose();
  }

  receive({ path, chosen, udp }: LinkPathMessage): void {
    if (this.#chosen) return;
    if (chosen) return this.#choose(path);
    const { paths, hello } = this.#options;
    const association = udp?.instanceId === hello.instanceId ? paths.udp?.confirm(udp) : undefined;
    if (association) return this.#use(association);
    if (!udp) paths.udp?.discard(hello.instanceId);
    this.#propose();
  }

  /** Idempotent. A chosen path stays in use until it is closed. */
  close(): void {
    if (!this.#chosen) this.#release();
    this.#chosen = true;
  }

  #propose(): void {
    const { paths, hello, send } = this.#options;
    if (hello.paths.includes(MediaPath.NATS) && paths.nats?.broker.connected)
      return send({ path: MediaPath.NATS, chosen: false, udp: undefined });
    this.#proposals += 1;
    const may = hello.paths.includes(MediaPath.UDP) && hello.instanceId !== "" && this.#proposals <= MAX_PROPOSALS;
    const udp = may ? paths.udp?.propose(hello.instanceId) : undefined;
    send({ path: udp ? MediaPath.UDP : MediaPath.GRPC, chosen: false, udp });
  }

  #choose(path: MediaPath): void {
    this.#chosen = true;
    const { onChosen, onLost } = this.#options;
    const user = this.#user;
    if (path === MediaPath.UDP && this.#association && user) onChosen(new UdpPath(this.#association, user), path);
    else if (path === MediaPath.UDP) onLost();
    else {
      this.#release();
      onChosen(undefined, path);
    }
  }

  #use(association: UdpAssociation): void {
    if (this.#association === association) return;
    this.#release();
    const user: AssociationUser = {
      onOpen: () => undefined,
      onLost: () => {
        if (this.#user !== user) return;
        if (this.#chosen) this.#options.onLost();
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
}
