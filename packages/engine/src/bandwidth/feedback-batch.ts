/** Received packets that one batch holds; a feedback message with more is cut there, and counted. */
export const FEEDBACK_BATCH_CAPACITY = 2048;

/**
 * What one feedback message said, joined with what was sent: received packets in order of arrival, and sums over all that it
 * reported on for the first time. Scratch memory: one serves all transports of a thread.
 */
export class FeedbackBatch {
  readonly capacity: number;
  receivedCount = 0;
  readonly sentUs: Float64Array;
  /** On the receiver's clock, unwrapped. */
  readonly arrivalUs: Float64Array;
  readonly bytes: Uint16Array;
  readonly probeCluster: Uint32Array;

  /** Packets reported on for the first time, received or lost. */
  reportedPackets = 0;
  reportedBytes = 0;
  lostPackets = 0;
  lostBytes = 0;
  /** Packets that an earlier message called lost and this one received. */
  recoveredPackets = 0;
  recoveredBytes = 0;
  /** Sent times of the first and the last packet reported on; infinite where there is none. */
  firstSentUs = Number.POSITIVE_INFINITY;
  lastSentUs = Number.NEGATIVE_INFINITY;

  constructor(capacity = FEEDBACK_BATCH_CAPACITY) {
    this.capacity = capacity;
    this.sentUs = new Float64Array(capacity);
    this.arrivalUs = new Float64Array(capacity);
    this.bytes = new Uint16Array(capacity);
    this.probeCluster = new Uint32Array(capacity);
  }

  get full(): boolean {
    return this.receivedCount === this.capacity;
  }

  clear(): void {
    this.receivedCount = 0;
    this.reportedPackets = 0;
    this.reportedBytes = 0;
    this.lostPackets = 0;
    this.lostBytes = 0;
    this.recoveredPackets = 0;
    this.recoveredBytes = 0;
    this.firstSentUs = Number.POSITIVE_INFINITY;
    this.lastSentUs = Number.NEGATIVE_INFINITY;
  }

  /** Puts a received packet at its place by arrival; among equals, behind. */
  insert(sentUs: number, arrivalUs: number, bytes: number, probeCluster: number): void {
    let at = this.receivedCount++;
    for (; at > 0 && this.arrivalUs[at - 1] > arrivalUs; at--) {
      this.sentUs[at] = this.sentUs[at - 1];
      this.arrivalUs[at] = this.arrivalUs[at - 1];
      this.bytes[at] = this.bytes[at - 1];
      this.probeCluster[at] = this.probeCluster[at - 1];
    }
    this.sentUs[at] = sentUs;
    this.arrivalUs[at] = arrivalUs;
    this.bytes[at] = bytes;
    this.probeCluster[at] = probeCluster;
  }
}
