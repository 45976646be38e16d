import type { ClientMessage, GetRoster, Response, SetMuted, SetSubscription } from "@cation/proto/client/v1/client";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Track } from "@cation/proto/state/v1/state";
import { CodedError, toCodedError, toProtoError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import type { ParticipantSession } from "./participant-session.ts";

/** Requests of one session that are under way; more are refused. */
const MAX_PENDING = 64;
const DEFAULT_ROSTER_LIMIT = 100;
const MAX_ROSTER_LIMIT = 200;
/** Layers beyond these are as good as no limit. */
const MAX_LAYER = 15;

type Result = NonNullable<Response["result"]>;
const DONE: Result = { $case: "done", value: {} };

export interface SessionRequestsOptions {
  readonly session: ParticipantSession;
  readonly roomId: string;
  readonly islb: Pick<IslbService, "setTrackMuted" | "leave" | "getRoster">;
  readonly logger: Logger;
  readonly readEpoch: () => number;
  readonly tracks: () => ReadonlyMap<string, Track>;
}

/** Carries out what a client asks of its session, and answers each request once. */
export class SessionRequests {
  readonly #options: SessionRequestsOptions;
  #pending = 0;

  constructor(options: SessionRequestsOptions) {
    this.#options = options;
  }

  /** Never rejects: what goes wrong is the answer. */
  async answer(message: ClientMessage): Promise<Response> {
    if (this.#pending >= MAX_PENDING) return this.#refuse(message, new CodedError("RATE_LIMITED"));
    this.#pending += 1;
    try {
      return { requestId: message.requestId, result: await this.#perform(message.request) };
    } catch (error) {
      return this.#refuse(message, error);
    } finally {
      this.#pending -= 1;
    }
  }

  #refuse({ requestId, request }: ClientMessage, error: unknown): Response {
    const coded = toCodedError(error);
    if (coded.code === "INTERNAL") {
      this.#options.logger.error({ err: error, request: request?.$case }, "request failed");
    }
    return { requestId, result: { $case: "error", value: toProtoError(coded) } };
  }

  async #perform(request: ClientMessage["request"]): Promise<Result> {
    const { session } = this.#options;
    if (session.ended) throw new CodedError("SESSION_NOT_FOUND");
    switch (request?.$case) {
      case "publisherOffer":
        return { $case: "publisherAnswer", value: await session.publisher.offer(request.value) };
      case "subscriberAnswer":
        session.subscriber.answer(request.value);
        return DONE;
      case "setMuted":
        await this.#setMuted(request.value);
        return DONE;
      case "unpublish":
        await session.publisher.unpublish(request.value.trackId);
        return DONE;
      case "setSubscription":
        this.#setSubscription(request.value);
        return DONE;
      case "restartSubscriber":
        session.subscriber.restart();
        return DONE;
      case "removeParticipant":
        await this.#removeParticipant(request.value.participantId);
        return DONE;
      case "getRoster":
        return this.#getRoster(request.value);
      case "leave":
      case "ping":
        return DONE;
      case "join":
      case "resume":
      case "refreshToken":
        throw new CodedError("REQUEST_ORDER", "The session is open already; signal answers this request.");
      default:
        throw new CodedError("MESSAGE_UNKNOWN");
    }
  }

  async #setMuted({ trackId, muted }: SetMuted): Promise<void> {
    const { session, islb, roomId, readEpoch, tracks } = this.#options;
    if (session.publisher.has(trackId)) return session.publisher.setMuted(trackId, muted);
    if (!tracks().has(trackId)) throw new CodedError("TRACK_NOT_FOUND");
    this.#checkAdministers("mute others");
    await islb.setTrackMuted({ roomId, epoch: readEpoch(), trackId, muted });
  }

  #setSubscription(request: SetSubscription): void {
    const { session, tracks } = this.#options;
    if (!session.subscriptions.allowed)
      throw new CodedError("PERMISSION_DENIED", "The token does not grant receiving.");
    if (!tracks().has(request.trackId)) throw new CodedError("TRACK_NOT_FOUND");
    session.subscriptions.set({
      ...request,
      maxSpatialId: clampLayer(request.maxSpatialId),
      maxTemporalId: clampLayer(request.maxTemporalId),
      width: withoutZero(request.width),
      height: withoutZero(request.height),
      maxFrameRate: withoutZero(request.maxFrameRate),
    });
    session.subscriber.reconcileTrack(request.trackId);
  }

  /** The participant's node hears of it by the room's event, and ends its session. */
  async #removeParticipant(participantId: string): Promise<void> {
    const { islb, roomId, readEpoch } = this.#options;
    this.#checkAdministers("remove others");
    if (participantId === "") throw new CodedError("MESSAGE_MALFORMED", "No participant is named.");
    await islb.leave({ roomId, participantId, epoch: readEpoch(), reason: LeaveReason.REMOVED, nodeId: "" });
  }

  async #getRoster({ after, limit }: GetRoster): Promise<Result> {
    const { islb, roomId } = this.#options;
    const bounded = limit === 0 ? DEFAULT_ROSTER_LIMIT : Math.min(limit, MAX_ROSTER_LIMIT);
    const { participants, next } = await islb.getRoster({ roomId, after, limit: bounded });
    return { $case: "roster", value: { participants, next } };
  }

  #checkAdministers(what: string): void {
    if (this.#options.session.participant.grants?.administer === true) return;
    throw new CodedError("PERMISSION_DENIED", `The token does not grant to ${what}.`);
  }
}

function clampLayer(layer: number | undefined): number | undefined {
  return layer === undefined || layer > MAX_LAYER ? undefined : layer;
}

/** A size or rate of 0 is that of an element that is not laid out yet: no limit. */
function withoutZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}
