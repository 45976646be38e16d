import type { FeedbackBatch } from "./feedback-batch.ts";
import type { ProbePlan } from "./probe-plan.ts";
import { NO_PROBE } from "./sent-packet-history.ts";

const CLUSTERS = 16;
const MIN_RECEIVED_RATIO = 0.8;
/** Arrived faster than sent by more than this: compressed on the way, no measure. */
const MAX_RATIO = 2;
/** Took longer to arrive than to send by more than this: the capacity was found. */
const UNSATURATED_RATIO = 0.9;
const TARGET_UTILISATION = 0.95;
const MAX_INTERVAL_US = 1_000_000;
const MAX_HISTORY_US = 1_000_000;

class Cluster {
  id = 0;
  minPackets = 0;
  minBytes = 0;
  packets = 0;
  bytes = 0;
  firstSentUs = 0;
  lastSentUs = 0;
  lastSentBytes = 0;
  firstArrivalUs = 0;
  firstArrivalBytes = 0;
  lastArrivalUs = 0;

  begin(plan: ProbePlan): void {
    this.id = plan.clusterId;
    this.minPackets = plan.minPackets * MIN_RECEIVED_RATIO;
    this.minBytes = plan.minBytes * MIN_RECEIVED_RATIO;
    this.packets = 0;
    this.bytes = 0;
    this.firstSentUs = Number.POSITIVE_INFINITY;
    this.lastSentUs = Number.NEGATIVE_INFINITY;
    this.firstArrivalUs = Number.POSITIVE_INFINITY;
    this.lastArrivalUs = Number.NEGATIVE_INFINITY;
  }

  add(sentUs: number, arrivalUs: number, bytes: number): void {
    if (sentUs < this.firstSentUs) this.firstSentUs = sentUs;
    if (sentUs > this.lastSentUs) {
      this.lastSentUs = sentUs;
      this.lastSentBytes = bytes;
    }
    if (arrivalUs < this.firstArrivalUs) {
      this.firstArrivalUs = arrivalUs;
      this.firstArrivalBytes = bytes;
    }
    if (arrivalUs > this.lastArrivalUs) this.lastArrivalUs = arrivalUs;
    this.packets++;
    this.bytes += bytes;
  }
}

/** Measures the capacity from the packets of probe bursts (libwebrtc's ProbeBitrateEstimator). */
export class ProbeBitrateEstimator {
  /** Clusters that gave no measure: intervals out of bounds, or arrived much faster than sent. */
  failures = 0;
  /** Set by `update`: the capacity that a burst has filled; -1 where none did. */
  capacityBps = -1;

  readonly #clusters = Array.from({ length: CLUSTERS }, () => new Cluster());

  /** A burst is about to be sent. */
  expect(plan: ProbePlan): void {
    this.#clusters[plan.clusterId % CLUSTERS].begin(plan);
  }

  /** Takes the batch's probe packets. Returns the last measured rate; -1 where there is none. */
  update(batch: FeedbackBatch): number {
    let measuredBps = -1;
    this.capacityBps = -1;
    for (let i = 0; i < batch.receivedCount; i++) {
      const id = batch.probeCluster[i];
      if (id === NO_PROBE) continue;
      const cluster = this.#clusters[id % CLUSTERS];
      const arrivalUs = batch.arrivalUs[i];
      if (cluster.id !== id) continue;
      if (cluster.packets > 0 && arrivalUs - cluster.lastArrivalUs > MAX_HISTORY_US) continue;
      cluster.add(batch.sentUs[i], arrivalUs, batch.bytes[i]);
      const rateBps = this.#measure(cluster);
      if (rateBps >= 0) measuredBps = rateBps;
    }
    return measuredBps;
  }

  #measure(cluster: Cluster): number {
    if (cluster.packets < cluster.minPackets || cluster.bytes < cluster.minBytes) return -1;
    const sendUs = cluster.lastSentUs - cluster.firstSentUs;
    const arrivalUs = cluster.lastArrivalUs - cluster.firstArrivalUs;
    if (sendUs <= 0 || sendUs > MAX_INTERVAL_US || arrivalUs <= 0 || arrivalUs > MAX_INTERVAL_US) {
      this.failures++;
      return -1;
    }
    if (arrivalUs * MAX_RATIO < sendUs) {
      this.failures++;
      return -1;
    }
    // The last packet's sending and the first one's arrival lie outside of the intervals.
    const sendBps = ((cluster.bytes - cluster.lastSentBytes) * 8_000_000) / sendUs;
    if (arrivalUs * UNSATURATED_RATIO <= sendUs) return sendBps;
    const arrivalBps = ((cluster.bytes - cluster.firstArrivalBytes) * 8_000_000) / arrivalUs;
    // Slightly below a capacity that was found, so as not to overuse it at once.
    this.capacityBps = Math.min(sendBps, arrivalBps);
    return TARGET_UTILISATION * this.capacityBps;
  }
}
