import type { Producer } from "@cation/engine/producer";
import type { Random } from "@cation/engine/random";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { RelayLinkClient } from "./relay-link-client.ts";
import type { FeedListener, TrackFeed } from "./track-feed.ts";

/** A node that was asked for the track and has not sent it for so long is passed over. */
export const TRY_MS = 1_500;
/** When all nodes have been asked in vain. */
const ROUND_PAUSE_MS = 500;
/** How often it is looked whether consumers have gone over to a new feed, and how long they have. */
const HANDOVER_CHECK_MS = 50;
const HANDOVER_MS = 10_000;
/** Before the first attempt to return to the node that the plan names, and between attempts at most. */
const MIN_RETURN_MS = 5_000;
const MAX_RETURN_MS = 60_000;

export interface RelayedTrackOptions {
  readonly trackId: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The link to a node, opened where it is not. */
  readonly obtainLink: (nodeId: string) => RelayLinkClient;
  /** Nothing comes over the link for this track any more. */
  readonly releaseLink: (link: RelayLinkClient) => void;
  /** Whether nobody takes packets from a producer. */
  readonly isIdle: (producer: Producer) => boolean;
}

/** Why another node is asked than the one that sends. */
type Cause = "start" | "plan" | "trouble";

/** Being asked for the track. */
interface Attempt {
  readonly link: RelayLinkClient;
  readonly index: number;
  readonly cause: Cause;
  readonly timer: Timer;
}

/**
 * One track of another node: which node it is had from, and how that changes. By the plan it is had from one node; when
 * that one fails, from those behind it, the node where the track comes in last. A change is made before the old way is
 * broken: consumers go over at a keyframe of the new feed, then the old one is let go.
 */
export class RelayedTrack {
  readonly trackId: string;
  readonly #options: RelayedTrackOptions;
  readonly #listeners = new Set<FeedListener>();
  #originNodeId: string;
  /** Nodes to ask, best first; the last is where the track comes in. */
  #upstreams: readonly string[];
  #link: RelayLinkClient | undefined;
  #feed: TrackFeed | undefined;
  #attempt: Attempt | undefined;
  /** Feeds that consumers are leaving. */
  readonly #leaving = new Map<RelayLinkClient, Timer>();
  /** Before all nodes are asked once more. */
  #pause: Timer | undefined;
  #returnTimer: Timer | undefined;
  #returnMs = MIN_RETURN_MS;
  /** Whoever holds the track may let it linger. */
  linger: Timer | undefined;

  constructor(options: RelayedTrackOptions, originNodeId: string, upstreams: readonly string[]) {
    this.trackId = options.trackId;
    this.#options = options;
    this.#originNodeId = originNodeId;
    this.#upstreams = upstreams;
  }

  get originNodeId(): string {
    return this.#originNodeId;
  }

  /** What it comes from; undefined until it flows. */
  get feed(): TrackFeed | undefined {
    return this.#feed;
  }

  /** The node that sends it. */
  get upstreamNodeId(): string | undefined {
    return this.#link?.peerNodeId;
  }

  get wanted(): boolean {
    return this.#listeners.size > 0;
  }

  start(): void {
    this.#try(0, "start");
  }

  addListener(listener: FeedListener): void {
    this.#listeners.add(listener);
  }

  /** False where it was none. */
  removeListener(listener: FeedListener): boolean {
    return this.#listeners.delete(listener);
  }

  /** The plan, or the node where the track comes in, is another. */
  retarget(originNodeId: string, upstreams: readonly string[]): void {
    const moved = originNodeId !== this.#originNodeId;
    if (!moved && upstreams.join() === this.#upstreams.join()) return;
    this.#originNodeId = originNodeId;
    this.#upstreams = upstreams;
    this.#returnTimer?.cancel();
    this.#returnTimer = undefined;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#returnMs = MIN_RETURN_MS;
    // What was asked of a node under the old origin is asked again.
    if (!moved && this.#attempt?.link.peerNodeId === upstreams[0]) return;
    this.#abandonAttempt();
    if (this.#link?.peerNodeId !== upstreams[0] || !this.#feed) this.#try(0, "plan");
  }

  /** The link sends the track, or sends it another way than before. */
  feedCame(link: RelayLinkClient, feed: TrackFeed): void {
    if (link === this.#link) {
      // It came back by itself before another node had it.
      if (this.#attempt?.cause === "trouble") this.#abandonAttempt();
      return this.#tell(feed);
    }
    const attempt = this.#attempt;
    if (attempt?.link !== link) return;
    if (attempt.cause === "trouble" && this.#flows()) return this.#abandonAttempt();
    attempt.timer.cancel();
    this.#attempt = undefined;
    const before = this.#link;
    const old = this.#feed;
    this.#link = link;
    this.#tell(feed);
    if (before) this.#leave(before, old);
    if (attempt.index > 0) this.#scheduleReturn();
    else this.#returnMs = MIN_RETURN_MS;
  }

  /** The link cannot deliver it now. */
  feedFailed(link: RelayLinkClient): void {
    if (this.#leaving.has(link)) this.#letGo(link);
    if (this.#attempt?.link === link) return this.#advance(this.#attempt);
    if (this.#link !== link || this.#attempt || this.#pause) return;
    const index = this.#upstreams.indexOf(link.peerNodeId);
    // There is nobody else to ask: the link tries again by itself.
    if (this.#upstreams.length < 2) return;
    this.#try((index + 1) % this.#upstreams.length, "trouble");
  }

  /** Idempotent. */
  close(): void {
    this.linger?.cancel();
    this.#returnTimer?.cancel();
    this.#pause?.cancel();
    this.#abandonAttempt();
    for (const link of [...this.#leaving.keys()]) this.#letGo(link);
    if (this.#link) this.#drop(this.#link);
    this.#link = undefined;
    this.#feed = undefined;
  }

  #try(index: number, cause: Cause): void {
    const nodeId = this.#upstreams[index];
    const link = this.#options.obtainLink(nodeId);
    if (link === this.#link && this.#feed) return;
    this.#attempt = { link, index, cause, timer: this.#createTryTimer() };
    const leaving = this.#leaving.get(link);
    leaving?.cancel();
    this.#leaving.delete(link);
    link.want(this.trackId, this.#originNodeId);
    // It flows still: consumers had not all left it.
    const feed = link.feedOf(this.trackId);
    if (feed && link.delivers(this.trackId)) this.feedCame(link, feed);
  }

  /** The asked node does not deliver: the next one is asked, and after a moment the first again. */
  #advance(attempt: Attempt): void {
    const { index, cause } = attempt;
    if (this.#flows()) {
      // What is there goes on.
      this.#abandonAttempt();
      if (cause === "plan") this.#scheduleReturn();
      return;
    }
    const next = this.#indexAfter(index);
    if (next === index) {
      attempt.timer.cancel();
      this.#attempt = { ...attempt, timer: this.#createTryTimer() };
      return;
    }
    this.#abandonAttempt();
    if (next > index) return this.#try(next, cause);
    this.#pause = this.#options.clock.setTimer(ROUND_PAUSE_MS, () => {
      this.#pause = undefined;
      if (!this.#flows()) this.#try(next, cause);
    });
  }

  /** Whom to ask next: not the one whose feed is there, which comes back by itself. */
  #indexAfter(index: number): number {
    const count = this.#upstreams.length;
    const next = (index + 1) % count;
    return count > 1 && this.#upstreams[next] === this.#link?.peerNodeId ? (next + 1) % count : next;
  }

  /** Whether the track comes now, as far as is known. */
  #flows(): boolean {
    return this.#link?.delivers(this.trackId) ?? false;
  }

  #createTryTimer(): Timer {
    const timer = this.#options.clock.setTimer(TRY_MS, () => {
      if (this.#attempt?.timer === timer) this.#advance(this.#attempt);
    });
    return timer;
  }

  #abandonAttempt(): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    attempt.timer.cancel();
    this.#attempt = undefined;
    if (attempt.link !== this.#link) this.#drop(attempt.link);
  }

  #tell(feed: TrackFeed): void {
    this.#feed = feed;
    for (const listener of [...this.#listeners]) listener(feed);
  }

  /** Lets the old feed go when nobody takes packets from it any more. */
  #leave(link: RelayLinkClient, feed: TrackFeed | undefined): void {
    const { clock, isIdle } = this.#options;
    if (!feed || !link.delivers(this.trackId)) return this.#drop(link);
    const deadlineMs = clock.monotonicMs() + HANDOVER_MS;
    const check = (): void => {
      if (isIdle(feed.producer) || clock.monotonicMs() >= deadlineMs) return this.#letGo(link);
      this.#leaving.set(link, clock.setTimer(HANDOVER_CHECK_MS, check));
    };
    this.#leaving.set(link, clock.setTimer(HANDOVER_CHECK_MS, check));
  }

  #letGo(link: RelayLinkClient): void {
    this.#leaving.get(link)?.cancel();
    this.#leaving.delete(link);
    this.#drop(link);
  }

  #drop(link: RelayLinkClient): void {
    link.drop(this.trackId);
    this.#options.releaseLink(link);
  }

  #scheduleReturn(): void {
    const { clock, random } = this.#options;
    this.#returnTimer?.cancel();
    const delayMs = this.#returnMs * (0.75 + random.nextUint32() / 2 ** 33);
    this.#returnMs = Math.min(this.#returnMs * 2, MAX_RETURN_MS);
    this.#returnTimer = clock.setTimer(delayMs, () => {
      this.#returnTimer = undefined;
      if (!this.#attempt && !this.#pause && this.#link?.peerNodeId !== this.#upstreams[0]) this.#try(0, "plan");
    });
  }
}
