import type { EngineEvents } from "../engine-events.ts";
import type { EngineTransport } from "../engine-transport.ts";
import { FeedbackBatch } from "./feedback-batch.ts";
import type { BandwidthConfig } from "./send-side-bandwidth-estimator.ts";
import type { SentLog } from "./sent-log.ts";
import { TransportBandwidth } from "./transport-bandwidth.ts";

const POLL_US = 25_000;

/** Bandwidth of all transports that send to clients. */
export class BandwidthControl {
  readonly #config: BandwidthConfig;
  readonly #retarget: (transport: EngineTransport, targetBps: number, nowUs: number) => void;
  readonly #events: EngineEvents;
  readonly #sentLog: SentLog;
  /** Scratch memory of all estimators. */
  readonly #batch = new FeedbackBatch();
  readonly #transports: TransportBandwidth[] = [];
  #dueUs = Number.POSITIVE_INFINITY;

  /** @param retarget takes each new target, for the allocation; not called while the client has said nothing of its path */
  constructor(
    config: BandwidthConfig,
    events: EngineEvents,
    sentLog: SentLog,
    retarget: (transport: EngineTransport, targetBps: number, nowUs: number) => void,
  ) {
    this.#config = config;
    this.#retarget = retarget;
    this.#events = events;
    this.#sentLog = sentLog;
  }

  /** When something is due. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /** A transport begins to send to a client. */
  open(transport: EngineTransport, nowUs: number): void {
    if (transport.bandwidth !== undefined) return;
    const bandwidth = new TransportBandwidth(transport, this.#config, this.#batch, this.#sentLog);
    transport.bandwidth = bandwidth;
    this.#transports.push(bandwidth);
    this.#dueUs = Math.min(this.#dueUs, nowUs + POLL_US);
  }

  close(transport: EngineTransport): void {
    if (transport.bandwidth === undefined) return;
    const index = this.#transports.indexOf(transport.bandwidth);
    const last = this.#transports.pop();
    if (last !== undefined && last !== transport.bandwidth) this.#transports[index] = last;
    transport.bandwidth = undefined;
  }

  /** The owner is told where the estimate has changed. */
  announce(bandwidth: TransportBandwidth, nowUs: number): void {
    if (!bandwidth.takeChange(nowUs)) return;
    const { estimateBps, targetBps } = bandwidth.estimator;
    if (bandwidth.hasFeedback) this.#retarget(bandwidth.transport, targetBps, nowUs);
    this.#events.bandwidth(bandwidth.transport.handle, { estimateBps, targetBps });
  }

  /** Does what is due. */
  run(nowUs: number): void {
    if (nowUs < this.#dueUs) return;
    for (const bandwidth of this.#transports) {
      bandwidth.poll(nowUs);
      this.announce(bandwidth, nowUs);
    }
    this.#dueUs = this.#transports.length === 0 ? Number.POSITIVE_INFINITY : nowUs + POLL_US;
  }
}
