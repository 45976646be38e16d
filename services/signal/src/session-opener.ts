import { SessionMove } from "@cation/proto/client/v1/client";
import type { IceServer, Join, Joined, Resume } from "@cation/proto/client/v1/client";
import type { FindParticipantResponse, IslbService, JoinResponse } from "@cation/proto/islb/v1/islb";
import type { SessionUp, SfuService } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Node } from "@cation/proto/state/v1/state";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { ErrorCode } from "@cation/service-kit/coded-error";
import { sleep, withTimeout } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";
import type { Logger } from "@cation/service-kit/logger";
import { openSessionStream } from "./session-stream.ts";
import type { SessionStream } from "./session-stream.ts";
import type { SessionReference, SessionTokens } from "./session-token.ts";
import type { TokenClaims } from "./token-claims.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/** A session that is open, and what the client is told of it. */
export interface OpenedSession {
  readonly claims: TokenClaims;
  readonly reference: SessionReference;
  readonly stream: SessionStream;
  readonly joined: Joined;
  /** Takes the join back: nobody is there to use it. */
  abandon(): void;
}

export interface SessionOpenerDeps {
  readonly islb: IslbService;
  readonly sfuFor: (address: string) => SfuService;
  readonly verifier: TokenVerifier;
  readonly sessionTokens: SessionTokens;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Those for one client, made when it comes in. */
  readonly iceServersFor: (participantId: string) => readonly IceServer[];
  readonly maxParticipantsPerRoom: number;
  readonly requestTimeoutMs: number;
}

/** A node that refuses or does not answer is replaced by another one this often. */
const MAX_PLACEMENTS = 2;
/** A node that has not answered a resume by then may be lost: islb is asked. */
const RESUME_PATIENCE_MS = 250;

/** The node is at fault, not the request: another one may serve. */
const NODE_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["SFU_UNAVAILABLE", "NODE_DRAINING"]);

/** The session may live elsewhere by now. */
const MOVED_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([...NODE_FAULTS, "SESSION_NOT_FOUND"]);

/** What islb says of a participant that is not there. */
const ABSENCES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "SESSION_NOT_FOUND",
  "SESSION_REPLACED",
  "PARTICIPANT_REMOVED",
]);

interface Placement {
  readonly entry: JoinResponse;
  readonly node: Node;
  readonly reference: SessionReference;
}

/** Brings a client into its room, or back to its session. Holds nothing itself. */
export class SessionOpener {
  readonly #deps: SessionOpenerDeps;

  constructor(deps: SessionOpenerDeps) {
    this.#deps = deps;
  }

  /** Rejects with a TOKEN_… code, what islb or the sfu refused the join with, or …_UNAVAILABLE. */
  async join(request: Join): Promise<OpenedSession> {
    const claims = await this.#deps.verifier.verify(request.token);
    for (let attempt = 1; ; attempt++) {
      const placement = await this.#place(claims, request);
      try {
        return await this.#open(claims, placement, request.autoSubscribe && claims.grants.subscribe);
      } catch (error) {
        this.#leave(placement);
        const coded = toCodedError(error);
        if (attempt >= MAX_PLACEMENTS || !NODE_FAULTS.has(coded.code)) throw coded;
        this.#deps.logger.warn({ err: coded, nodeId: placement.node.nodeId }, "node failed a join, trying another");
      }
    }
  }

  /**
   * Takes a session up where it is; where its node is lost, or the client wants so, the participant goes on at another node.
   * Rejects with a TOKEN_… code, SESSION_NOT_FOUND when the client has to join anew, SESSION_REPLACED, PARTICIPANT_REMOVED,
   * or …_UNAVAILABLE.
   */
  async resume(request: Resume): Promise<OpenedSession> {
    const claims = await this.#deps.verifier.verify(request.token);
    const reference = await this.#deps.sessionTokens.read(request.sessionToken);
    checkSamePerson(claims, reference);
    switch (request.move) {
      case SessionMove.NOW:
        return this.#move(claims, reference, request);
      case SessionMove.IF_LOST:
        return this.#resumeOrMove(claims, reference, request);
      default:
        return this.#resumeAt(claims, reference, request.lastEventSequence).catch(async (error: unknown) => {
          throw await this.#explain(reference, toCodedError(error));
        });
    }
  }

  /** The claims of a fresh token for the same room and identity. */
  async refresh(token: string, current: TokenClaims): Promise<TokenClaims> {
    const claims = await this.#deps.verifier.verify(token);
    checkSamePerson(claims, current);
    return claims;
  }

  async #place(claims: TokenClaims, request: Join): Promise<Placement> {
    const entry = await this.#callIslb((islb) =>
      islb.join({
        roomId: claims.roomId,
        identity: claims.identity,
        name: claims.name,
        metadata: claims.metadata,
        grants: claims.grants,
        region: request.region,
        nodeId: request.nodeId,
        maxParticipants: this.#deps.maxParticipantsPerRoom,
      }),
    );
    const { participant, node } = entry;
    if (!participant || !node) throw new CodedError("INTERNAL", undefined, { cause: new Error("islb placed nobody") });
    const { participantId } = participant;
    this.#endReplaced(claims.roomId, entry, node);
    const nodeAddress = node.grpcAddress;
    return { entry, node, reference: { roomId: claims.roomId, identity: claims.identity, participantId, nodeAddress } };
  }

  async #open(claims: TokenClaims, placement: Placement, autoSubscribe: boolean): Promise<OpenedSession> {
    const { participant, room } = placement.entry;
    const up = { $case: "open", value: { participant, room, autoSubscribe, moved: false } } as const;
    return this.#openStream(claims, placement.reference, up, () => this.#takeBack(placement));
  }

  #resumeAt(claims: TokenClaims, reference: SessionReference, lastEventSequence: number): Promise<OpenedSession> {
    const { roomId, participantId } = reference;
    const up = { $case: "resume", value: { roomId, participantId, lastEventSequence } } as const;
    // A session that nobody took up has its grace time again.
    return this.#openStream(claims, reference, up, () => undefined);
  }

  async #openStream(
    claims: TokenClaims,
    reference: SessionReference,
    first: NonNullable<SessionUp["up"]>,
    takeBack: () => void,
  ): Promise<OpenedSession> {
    const { clock, requestTimeoutMs: timeoutMs, sessionTokens, iceServersFor } = this.#deps;
    const sfu = this.#deps.sfuFor(reference.nodeAddress);
    const { stream, joined } = await openSessionStream(sfu, first, { clock, timeoutMs });
    const sessionToken = await sessionTokens.issue(reference);
    return {
      claims,
      reference,
      stream,
      joined: { ...joined, sessionToken, iceServers: [...iceServersFor(reference.participantId)] },
      abandon() {
        stream.close();
        takeBack();
      },
    };
  }

  /**
   * Asks the node, and when it does not answer quickly islb too, which knows in a few seconds whether the node is lost.
   * Whoever has a session first is right: islb moves nobody from a node that lives.
   */
  async #resumeOrMove(claims: TokenClaims, reference: SessionReference, request: Resume): Promise<OpenedSession> {
    const { clock } = this.#deps;
    const resumed = this.#resumeAt(claims, reference, request.lastEventSequence);
    const settled = resumed.then(
      (session) => ({ session }),
      (error: unknown) => ({ error: toCodedError(error) }),
    );
    const patience = new AbortController();
    const quick = await Promise.race([
      settled,
      sleep(clock, RESUME_PATIENCE_MS, patience.signal).catch(() => undefined),
    ]);
    patience.abort();
    if (quick && "session" in quick) return quick.session;
    if (quick && !MOVED_FAULTS.has(quick.error.code)) throw quick.error;
    // The node answered, and has no such session: islb knows whether it is elsewhere.
    if (quick?.error.code === "SESSION_NOT_FOUND") return this.#moveElsewhere(claims, reference, request, quick.error);
    const moved = this.#move(claims, reference, request);
    return firstOf(quick ? [moved] : [resumed, moved]);
  }

  /** The participant's session is not where its token says. Goes on where the participant is, if that is another node. */
  async #moveElsewhere(
    claims: TokenClaims,
    reference: SessionReference,
    request: Resume,
    error: CodedError,
  ): Promise<OpenedSession> {
    const found = await this.#find(reference, error);
    if (found.node?.grpcAddress === reference.nodeAddress) throw error;
    return this.#move(claims, reference, request);
  }

  /** Has islb put the participant on another node, and opens its session there. */
  async #move(claims: TokenClaims, reference: SessionReference, request: Resume): Promise<OpenedSession> {
    const { roomId, participantId } = reference;
    let fromAddress = reference.nodeAddress;
    let onlyIfLost = request.move !== SessionMove.NOW;
    for (let attempt = 1; ; attempt++) {
      const { region } = request;
      const entry = await this.#callIslb((islb) =>
        islb.moveParticipant({ roomId, participantId, fromAddress, onlyIfLost, region }),
      ).catch((error: unknown) => {
        throw toSessionError(toCodedError(error));
      });
      const { participant, node, room } = entry;
      if (!participant || !node) throw new CodedError("INTERNAL");
      const target = { ...reference, nodeAddress: node.grpcAddress };
      const autoSubscribe = request.autoSubscribe && claims.grants.subscribe;
      const up = { $case: "open", value: { participant, room, autoSubscribe, moved: true } } as const;
      try {
        const opened = await this.#openStream(claims, target, up, () => undefined);
        return { ...opened, joined: { ...opened.joined, moved: true } };
      } catch (error) {
        const coded = toCodedError(error);
        if (attempt >= MAX_PLACEMENTS || !NODE_FAULTS.has(coded.code)) throw coded;
        this.#deps.logger.warn({ err: coded, nodeId: node.nodeId }, "node failed a move, trying another");
        fromAddress = node.grpcAddress;
        onlyIfLost = false;
      }
    }
  }

  /** Why a session cannot be resumed: islb knows when it was replaced, removed, or gone altogether. */
  async #explain(reference: SessionReference, error: CodedError): Promise<CodedError> {
    if (!MOVED_FAULTS.has(error.code)) return error;
    try {
      await this.#find(reference, error);
    } catch (islbError) {
      return toCodedError(islbError);
    }
    return error;
  }

  /** Where a participant is. Rejects with why it is nowhere, or with `error` where islb cannot tell. */
  #find({ roomId, participantId }: SessionReference, error: CodedError): Promise<FindParticipantResponse> {
    return this.#callIslb((islb) => islb.findParticipant({ roomId, participantId })).catch((thrown: unknown) => {
      const found = toSessionError(toCodedError(thrown));
      throw ABSENCES.has(found.code) ? found : error;
    });
  }

  async #callIslb<T>(call: (islb: IslbService) => Promise<T>): Promise<T> {
    const late = (): Error => new CodedError("ISLB_UNAVAILABLE", "No islb answered in time.");
    try {
      return await withTimeout(this.#deps.clock, this.#deps.requestTimeoutMs, call(this.#deps.islb), late);
    } catch (error) {
      throw toCodedError(error, "ISLB_UNAVAILABLE");
    }
  }

  /** The same identity was in the room before: its old session ends now, not only when its node hears the event. */
  #endReplaced(roomId: string, entry: JoinResponse, node: Node): void {
    const { replacedParticipantId: participantId, replacedNode } = entry;
    if (participantId === "") return;
    const reason = LeaveReason.REPLACED;
    this.#deps
      .sfuFor((replacedNode ?? node).grpcAddress)
      .endSession({ roomId, participantId, reason })
      .catch((error: unknown) => this.#deps.logger.debug({ err: error, roomId }, "replaced session not ended by call"));
  }

  /** Ends a session that its client never heard of, without the grace time. */
  #takeBack(placement: Placement): void {
    const { roomId, participantId, nodeAddress } = placement.reference;
    this.#deps
      .sfuFor(nodeAddress)
      .endSession({ roomId, participantId, reason: LeaveReason.LEFT })
      .catch((error: unknown) => this.#deps.logger.debug({ err: error, roomId }, "abandoned session left to time out"));
    this.#leave(placement);
  }

  #leave({ entry, reference: { roomId, participantId } }: Placement): void {
    const epoch = entry.room?.room?.epoch ?? 0;
    this.#callIslb((islb) => islb.leave({ roomId, participantId, epoch, reason: LeaveReason.LEFT, nodeId: "" })).catch(
      (error: unknown) => this.#deps.logger.debug({ err: error, roomId }, "failed join left to be swept"),
    );
  }
}

function checkSamePerson(claims: TokenClaims, expected: { readonly roomId: string; readonly identity: string }): void {
  if (claims.roomId === expected.roomId && claims.identity === expected.identity) return;
  throw new CodedError("TOKEN_WRONG_ROOM", "The token is for another room or identity than the session.");
}

/** The first that succeeds; those that succeed later are let go. Rejects with what the last one of the list failed with. */
async function firstOf(attempts: readonly Promise<OpenedSession>[]): Promise<OpenedSession> {
  let winner: OpenedSession | undefined;
  for (const attempt of attempts) {
    attempt.then(
      (session) => (winner && winner !== session ? session.abandon() : (winner = session)),
      () => undefined,
    );
  }
  try {
    return await Promise.any(attempts);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors.at(-1) : error;
  }
}

/** To a client, a participant that is nowhere is a session that is over. */
function toSessionError(error: CodedError): CodedError {
  const isGone = error.code === "PARTICIPANT_NOT_FOUND" || error.code === "ROOM_NOT_FOUND";
  return isGone ? new CodedError("SESSION_NOT_FOUND", undefined, { cause: error }) : error;
}
