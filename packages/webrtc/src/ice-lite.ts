import type { RemoteAddress } from "@cation/media-io/media-io";
import type { MonoUs } from "@cation/rtp/units";
import { createIceCredentials } from "./ice-credentials.ts";
import type { IceCredentials } from "./ice-credentials.ts";
import type { StunMessageView } from "./stun-message.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What a check asks for, once it is authenticated. */
export type IceCheckOutcome =
  /** Answer it. */
  | "answer"
  /** Answer it, and send to this address from now on. */
  | "answer-and-move"
  /** Answer with 487. */
  | "role-conflict"
  /** Answer with 420. */
  | "unknown-attribute"
  /** Not authenticated: no answer. */
  | "bad-fingerprint"
  | "bad-integrity"
  | "wrong-remote-ufrag"
  /** Authenticated, but too many of them: no answer. */
  | "rate-limited";

/**
 * After the first nomination, a nominated address of lower priority does not take over for so long (aggressive
 * nomination, RFC 5245 §8.1.1.2: clients nominate several and end on the best one) …
 */
const SETTLING_US = 2_000_000;
/** … unless the better one has not been heard of for so long. */
const SILENT_US = 1_000_000;
/** Answers a second to the address in use, and to all others together. A client sends some twenty while it connects. */
const ANSWERS_PER_S = 100;

/** What an ICE-lite agent tells its owner. */
export interface IceLiteHandler {
  /** Checks under these credentials are no longer answered. */
  onCredentialsRetired(credentials: IceCredentials): void;
}

/**
 * The ICE-lite side of one transport (RFC 8445 §2.5): it gathers nothing and asks nothing, but answers authenticated
 * checks and follows the client's nomination. No clock, no socket: time and addresses come by argument.
 */
export class IceLite {
  readonly #handler: IceLiteHandler;
  /** In use. */
  #current: IceCredentials = createIceCredentials();
  /** Of a restart that the client has not nominated yet. */
  #pending: IceCredentials | undefined;
  #remoteUfrags: readonly string[] = [];
  #remote: RemoteAddress | undefined;
  #priority = 0;
  #firstNominatedUs: number | undefined;
  #lastCheckUs = 0;
  readonly #ownBucket = new TokenBucket(ANSWERS_PER_S, ANSWERS_PER_S);
  readonly #otherBucket = new TokenBucket(ANSWERS_PER_S, ANSWERS_PER_S);

  constructor(handler: IceLiteHandler) {
    this.#handler = handler;
  }

  /** The newest credentials: those to put into SDP. */
  get local(): IceCredentials {
    return this.#pending ?? this.#current;
  }

  /** Where to send; `undefined` before the first nomination. */
  get remote(): RemoteAddress | undefined {
    return this.#remote;
  }

  /** When the address in use last passed a check. */
  get lastCheckUs(): number {
    return this.#lastCheckUs;
  }

  /**
   * The client's ufrag, from its SDP. Until it is known any is taken: checks overtake the answer, and who makes a valid
   * one has seen our password. An earlier one stays valid beside it, for checks that were under way at a restart.
   */
  setRemoteUfrag(ufrag: string): void {
    if (this.#remoteUfrags.at(-1) === ufrag) return;
    this.#remoteUfrags = [...this.#remoteUfrags, ufrag].slice(-2);
  }

  /** New credentials (RFC 8445 §9). Those in use stay valid until the new ones are nominated. */
  restart(): IceCredentials {
    if (this.#pending !== undefined) this.#handler.onCredentialsRetired(this.#pending);
    this.#pending = createIceCredentials();
    return this.#pending;
  }

  /** Retires all credentials. Idempotent. */
  close(): void {
    this.#handler.onCredentialsRetired(this.#current);
    if (this.#pending !== undefined) this.#handler.onCredentialsRetired(this.#pending);
    this.#pending = undefined;
  }

  /** Judges a binding request that named `credentials`. Cheapest test first. */
  check(request: StunMessageView, credentials: IceCredentials, from: RemoteAddress, nowUs: MonoUs): IceCheckOutcome {
    if (!request.hasValidFingerprint()) return "bad-fingerprint";
    if (this.#remoteUfrags.length > 0 && !this.#remoteUfrags.includes(request.remoteUfrag())) {
      return "wrong-remote-ufrag";
    }
    if (!request.hasValidIntegrity(credentials.pwd)) return "bad-integrity";
    const own = this.#remote !== undefined && isSameAddress(this.#remote, from);
    const bucket = own ? this.#ownBucket : this.#otherBucket;
    if (!bucket.take(nowUs)) return "rate-limited";
    if (request.unknownAttribute !== 0) return "unknown-attribute";
    if (request.iceControlled) return "role-conflict";
    if (own) this.#lastCheckUs = nowUs;
    if (!request.useCandidate) return "answer";
    if (credentials === this.#pending) this.#confirmRestart(credentials);
    return this.#nominate(request.priority, from, own, nowUs) ? "answer-and-move" : "answer";
  }

  /** The client took up the new credentials: its nomination decides anew. */
  #confirmRestart(credentials: IceCredentials): void {
    this.#handler.onCredentialsRetired(this.#current);
    this.#current = credentials;
    this.#pending = undefined;
    this.#remoteUfrags = this.#remoteUfrags.slice(-1);
    this.#firstNominatedUs = undefined;
  }

  #nominate(priority: number, from: RemoteAddress, own: boolean, nowUs: MonoUs): boolean {
    const settling = this.#firstNominatedUs !== undefined && nowUs - this.#firstNominatedUs < SETTLING_US;
    const heldIsAlive = nowUs - this.#lastCheckUs < SILENT_US;
    if (!own && settling && heldIsAlive && priority < this.#priority) return false;
    this.#firstNominatedUs ??= nowUs;
    this.#priority = priority;
    this.#lastCheckUs = nowUs;
    if (own) return false;
    this.#remote = { protocol: from.protocol, address: from.address, port: from.port };
    return true;
  }
}

export function isSameAddress(a: RemoteAddress, b: RemoteAddress): boolean {
  return a.port === b.port && a.address === b.address && a.protocol === b.protocol;
}
