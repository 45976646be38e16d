import type { TransportHandle } from "@cation/engine/ids";
import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { LinkPath } from "./link-path.ts";
import type { AssociationUser, UdpAssociation } from "./udp-association.ts";

/** SRTP between the two workers, on the association that all their links share. */
export class UdpPath implements LinkPath {
  readonly kind = MediaPath.UDP;
  readonly lossy = true;
  readonly transport: TransportHandle;
  readonly #association: UdpAssociation;
  readonly #user: AssociationUser;
  readonly #ssrcs = new Set<number>();

  /** `user` has the association in use; `close` releases it. */
  constructor(association: UdpAssociation, user: AssociationUser) {
    this.#association = association;
    this.#user = user;
    this.transport = association.transport;
  }

  allocateSsrc(): number {
    const ssrc = this.#association.ssrcs.allocate();
    if (ssrc !== 0) this.#ssrcs.add(ssrc);
    return ssrc;
  }

  releaseSsrc(ssrc: number): void {
    if (this.#ssrcs.delete(ssrc)) this.#association.ssrcs.release(ssrc);
  }

  /** Nothing comes on the gRPC stream. */
  receive(): void {}

  close(): void {
    for (const ssrc of [...this.#ssrcs]) this.releaseSsrc(ssrc);
    this.#association.release(this.#user);
  }
}
