import type { EngineContext } from "../engine-context.ts";
import type { EngineTransport } from "../engine-transport.ts";
import { FeedbackBatch } from "./feedback-batch.ts";
import { TransportBandwidth } from "./transport-bandwidth.ts";

const POLL_US = 25_000;
/** Packets are let go no more often: timers are no finer. */
const RELEASE_US = 1_000;

/** Bandwidth of all transports that send to clients. */
export class BandwidthControl {
  readonly #context: EngineContext;
  /** Scratch memory of all estimators. */
  readonly #batch = new FeedbackBatch();
  readonly #transports: TransportBandwidth[] = [];
  /** Those whose pacer has something to do. */
  readonly #active: TransportBandwidth[] = [];
  #pollUs = Number.POSITIVE_INFINITY;
  #releaseUs = Number.POSITIVE_INFINITY;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** When something is due. */
  get dueUs(): number {
    return Math.min(this.#pollUs, this.#releaseUs);
  }

  /** A transport begins to send to a client. */
  open(transport: EngineTransport, nowUs: number): void {
    if (transport.bandwidth !== undefined) return;
    const bandwidth = new TransportBandwidth(this.#context, transport, this.#batch);
    transport.bandwidth = bandwidth;
    this.#transports.push(bandwidth);
    this.#pollUs = Math.min(this.#pollUs, nowUs + POLL_US);
    this.changed(bandwidth, nowUs);
  }

  close(transport: EngineTransport): void {
    const { bandwidth } = transport;
    if (bandwidth === undefined) return;
    bandwidth.close();
    removeFrom(this.#transports, bandwidth);
    if (bandwidth.pacerDueUs !== Number.POSITIVE_INFINITY) removeFrom(this.#active, bandwidth);
    transport.bandwidth = undefined;
  }

  /** The estimate may have changed: the pacer goes by it, the allocation and the owner hear of it. */
  changed(bandwidth: TransportBandwidth, nowUs: number): void {
    bandwidth.updatePacer(nowUs);
    if (bandwidth.pacer.busy) this.activate(bandwidth, nowUs);
    this.#allocate(bandwidth, nowUs);
    if (!bandwidth.takeChange(nowUs)) return;
    const { transport, estimator } = bandwidth;
    const { estimateBps, targetBps } = estimator;
    this.#context.events.bandwidth(transport.handle, { estimateBps, targetBps });
  }

  #allocate(bandwidth: TransportBandwidth, nowUs: number): void {
    if (!this.#context.config.allocateByEstimate) return;
    const { transport } = bandwidth;
    const targetBps = bandwidth.allocatedBps(nowUs);
    if (targetBps !== transport.allocator.targetBps) this.#context.retarget(transport, targetBps, nowUs);
  }

  /** A pacer has something to do. */
  activate(bandwidth: TransportBandwidth, nowUs: number): void {
    if (bandwidth.pacerDueUs === Number.POSITIVE_INFINITY) this.#active.push(bandwidth);
    bandwidth.pacerDueUs = bandwidth.pacer.nextReleaseUs(nowUs);
    if (bandwidth.pacerDueUs < this.#releaseUs) this.#releaseUs = bandwidth.pacerDueUs;
  }

  /** Does what is due. */
  run(nowUs: number): void {
    if (nowUs >= this.#pollUs) this.#poll(nowUs);
    if (nowUs >= this.#releaseUs) this.#release(nowUs);
  }

  #poll(nowUs: number): void {
    for (const bandwidth of this.#transports) {
      bandwidth.poll(nowUs);
      this.changed(bandwidth, nowUs);
    }
    this.#pollUs = this.#transports.length === 0 ? Number.POSITIVE_INFINITY : nowUs + POLL_US;
  }

  #release(nowUs: number): void {
    const active = this.#active;
    let releaseUs = Number.POSITIVE_INFINITY;
    for (let i = active.length - 1; i >= 0; i--) {
      const bandwidth = active[i];
      const { pacer } = bandwidth;
      if (nowUs >= bandwidth.pacerDueUs) {
        pacer.poll(nowUs, bandwidth);
        bandwidth.updatePacer(nowUs);
        bandwidth.pacerDueUs = pacer.busy
          ? Math.max(nowUs + RELEASE_US, pacer.nextReleaseUs(nowUs))
          : Number.POSITIVE_INFINITY;
      }
      if (bandwidth.pacerDueUs < releaseUs) releaseUs = bandwidth.pacerDueUs;
      if (bandwidth.pacerDueUs === Number.POSITIVE_INFINITY) removeAt(active, i);
    }
    this.#releaseUs = releaseUs;
  }
}

function removeFrom<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) removeAt(list, index);
}

/** The last item takes the place. */
function removeAt<T>(list: T[], index: number): void {
  const last = list.pop() as T;
  if (index < list.length) list[index] = last;
}
