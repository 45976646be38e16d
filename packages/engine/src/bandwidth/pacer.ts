import { TransportTable } from "../transport-table.ts";
import { PacerQueue } from "./pacer-queue.ts";
import { PacingBudget } from "./pacing-budget.ts";
import type { ProbePlan } from "./probe-plan.ts";
import { NO_PROBE } from "./sent-packet-history.ts";

/** Classes of packets, most urgent first. */
export const PacerClass = { AUDIO: 0, RETRANSMISSION: 1, VIDEO: 2 } as const;
export type PacerClass = (typeof PacerClass)[keyof typeof PacerClass];
const CLASSES = 3;

/** What the pacer lets go. Both return the bytes that are really sent: 0 where the packet is no longer there, or cannot be made. */
export interface PacerOutput {
  release(handle: number, bytes: number, packetClass: PacerClass, probeCluster: number): number;
  /** Makes one packet of padding, or an old packet over RTX, of up to about `bytes`. */
  padding(bytes: number, probeCluster: number): number;
  /** A queued packet will not be sent: it was older than the queue may hold, or the pacer was cleared. */
  discarded(handle: number): void;
}

export interface PacerConfig {
  /** Packets each class may hold; what comes then is refused. */
  readonly maxPackets: number;
  /** Time after which a queued packet other than audio is discarded. */
  readonly maxAgeUs: number;
  /** Time's worth of bytes that may leave at once. */
  readonly burstUs: number;
  /** The queue shall be gone in this time: the rate is raised where it is not enough. */
  readonly drainUs: number;
}

export const DEFAULT_PACER: PacerConfig = {
  maxPackets: 2_048,
  maxAgeUs: 2_000_000,
  burstUs: 5_000,
  drainUs: 500_000,
};

/** A class that waits is passed over at most this often in a row. */
const MAX_PASSES = 8;
/** A probe that is this late would measure nothing. */
const MAX_PROBE_DELAY_US = 20_000;
/** However late a queue is, it is spread over this time. */
const MIN_DRAIN_US = 50_000;
/** Debts, as probes make them, are forgotten beyond this time's worth. */
const MAX_DEBT_US = 500_000;
const MIN_PADDING_BYTES = 50;
const MAX_PADDING_BYTES = 1_200;
/** Bytes of a probe that go at once: what its rate gives in this time, as timers are not finer. */
const PROBE_STEP_US = 2_000;
/** A probe for which there is nothing to send yet is tried again after this. */
const PROBE_RETRY_US = 10_000;

/**
 * Spreads the packets of one transport over time. Audio leaves at once; retransmissions go before video, in bursts bounded by
 * `burstUs`; padding fills what is left, where it is asked for. A probe burst has its own rate. It queues opaque numbers, and
 * whoever gets one back writes the header: numbers and times are those of sending.
 */
export class Pacer {
  /** Packets refused because a class was full, and discarded because they were too old. */
  refused = 0;
  aged = 0;
  /** Probe bursts given up because they were late. */
  abandonedProbes = 0;

  readonly #config: PacerConfig;
  readonly #budget: PacingBudget;
  readonly #queues: readonly PacerQueue[];
  readonly #passes = new Uint8Array(CLASSES);
  #rateBps = 0;
  #burstUs = 0;
  #paddingBps = 0;
  /** Bytes sent beyond what the padding rate had given when the budget was paid last. */
  #paddingDebtBytes = 0;
  #probe: ProbePlan | undefined;
  #probeStartUs = -1;
  #probeRetryUs = 0;
  #probePackets = 0;
  #probeBytes = 0;

  /** By default the budget is one of its own; a transport's stands in its row. */
  constructor(config: PacerConfig = DEFAULT_PACER, budget: PacingBudget = ownBudget()) {
    this.#config = config;
    this.#budget = budget;
    this.#queues = Array.from({ length: CLASSES }, () => new PacerQueue(config.maxPackets));
  }

  get queuedPackets(): number {
    return this.#queues[0].count + this.#queues[1].count + this.#queues[2].count;
  }

  get queuedBytes(): number {
    return this.#queues[0].bytes + this.#queues[1].bytes + this.#queues[2].bytes;
  }

  /** Rates of media and of padding from now on, and time's worth of media that may leave at once. */
  setRates(mediaBps: number, paddingBps: number, nowUs: number, burstUs = this.#config.burstUs): void {
    this.#account(nowUs);
    this.#rateBps = mediaBps;
    this.#paddingBps = paddingBps;
    this.#burstUs = burstUs;
    this.#admit();
  }

  /** Whether `poll` has something to do. */
  get busy(): boolean {
    return this.queuedPackets > 0 || this.#probe !== undefined || this.#paddingBps > 0;
  }

  /** True while a probe burst is being sent: give the next one only then when not. */
  get probing(): boolean {
    return this.#probe !== undefined;
  }

  startProbe(plan: ProbePlan): void {
    this.#probe = plan;
    this.#probeStartUs = -1;
    this.#probeRetryUs = 0;
    this.#probePackets = 0;
    this.#probeBytes = 0;
    this.#admit();
  }

  /** Queues a packet. False where its class is full: it is refused, and counted. */
  enqueue(packetClass: PacerClass, handle: number, bytes: number, nowUs: number): boolean {
    if (this.#queues[packetClass].push(handle, bytes, nowUs)) {
      this.#admit();
      return true;
    }
    this.refused++;
    return false;
  }

  /** Forgets all that is queued. */
  clear(output: PacerOutput): void {
    for (const queue of this.#queues) {
      for (; queue.count > 0; queue.shift()) output.discarded(queue.firstHandle);
    }
    this.#probe = undefined;
    this.#admit();
  }

  /** Lets go what is due. */
  poll(nowUs: number, output: PacerOutput): void {
    this.#poll(nowUs, output);
    this.#admit();
  }

  #poll(nowUs: number, output: PacerOutput): void {
    this.#account(nowUs);
    this.#discardAged(nowUs, output);
    for (const audio = this.#queues[PacerClass.AUDIO]; audio.count > 0;) {
      this.#release(PacerClass.AUDIO, NO_PROBE, output);
    }
    if (this.#probe !== undefined) {
      this.#sendProbe(this.#probe, nowUs, output);
      // What went in between would stretch the probe.
      if (this.#probe !== undefined && this.#probeStartUs >= 0) return;
    }
    const burstBytes = this.#burstBytes(nowUs);
    while (this.#budget.debtBytes <= burstBytes) {
      const packetClass = this.#nextClass();
      if (packetClass < 0) break;
      this.#budget.owe(this.#release(packetClass, NO_PROBE, output));
    }
    if (this.queuedPackets === 0) this.#pad(output);
  }

  /** When `poll` has something to do next; infinite where nothing waits. */
  nextReleaseUs(nowUs: number): number {
    if (this.#queues[PacerClass.AUDIO].count > 0) return nowUs;
    let nextUs = Number.POSITIVE_INFINITY;
    if (this.#probe !== undefined) nextUs = Math.max(nowUs, this.#nextProbeUs(this.#probe, nowUs));
    const rateBps = this.#effectiveBps(nowUs);
    if (this.queuedPackets > 0 && rateBps > 0) {
      const excessBytes = this.#budget.debtBytes - this.#burstBytes(nowUs);
      nextUs = Math.min(nextUs, this.#budget.paidUs + Math.max(0, (excessBytes * 8_000_000) / rateBps));
    } else if (this.#paddingBps > 0) {
      const excessBytes = Math.max(this.#paddingDebtBytes, 0);
      nextUs = Math.min(nextUs, this.#budget.paidUs + (excessBytes * 8_000_000) / this.#paddingBps);
    }
    return Math.max(nextUs, nowUs);
  }

  #account(nowUs: number): void {
    const elapsedUs = Math.max(0, nowUs - this.#budget.paidUs);
    if (elapsedUs === 0) return;
    const rateBps = this.#effectiveBps(nowUs);
    this.#budget.pay(rateBps / 8_000_000, (rateBps * MAX_DEBT_US) / 8_000_000, nowUs);
    this.#paddingDebtBytes = paidOff(this.#paddingDebtBytes, this.#paddingBps, elapsedUs);
  }

  /** Packets go past the queue while nothing is in it, and no probe or padding depends on what goes out. */
  #admit(): void {
    if (this.busy) this.#budget.shut();
    else this.#budget.open(this.#rateBps / 8_000_000, (this.#rateBps * this.#burstUs) / 8_000_000);
  }

  /** The rate, raised where the queue would be there too long. */
  #effectiveBps(nowUs: number): number {
    const queuedBytes = this.#queues[PacerClass.RETRANSMISSION].bytes + this.#queues[PacerClass.VIDEO].bytes;
    if (queuedBytes === 0) return this.#rateBps;
    const oldestUs = this.#oldestUs();
    const leftUs = Math.max(MIN_DRAIN_US, this.#config.drainUs - (nowUs - oldestUs));
    return Math.max(this.#rateBps, (queuedBytes * 8_000_000) / leftUs);
  }

  #oldestUs(): number {
    let oldestUs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < CLASSES; i++) {
      const queue = this.#queues[i];
      if (queue.count > 0 && queue.firstUs < oldestUs) oldestUs = queue.firstUs;
    }
    return oldestUs;
  }

  #burstBytes(nowUs: number): number {
    return (this.#effectiveBps(nowUs) * this.#burstUs) / 8_000_000;
  }

  #discardAged(nowUs: number, output: PacerOutput): void {
    for (let i: number = PacerClass.RETRANSMISSION; i < CLASSES; i++) {
      const queue = this.#queues[i];
      for (; queue.count > 0 && nowUs - queue.firstUs > this.#config.maxAgeUs; queue.shift()) {
        this.aged++;
        output.discarded(queue.firstHandle);
      }
    }
  }

  /** The class whose turn it is, -1 where none waits: the most urgent, unless another was passed over too often. */
  #nextClass(): number {
    let chosen = -1;
    for (let i = 0; i < CLASSES; i++) {
      if (this.#queues[i].count === 0) continue;
      if (chosen < 0 || this.#passes[i] >= MAX_PASSES) chosen = i;
    }
    for (let i = 0; i < CLASSES; i++) {
      if (i === chosen || this.#queues[i].count === 0) this.#passes[i] = 0;
      else if (i > chosen) this.#passes[i]++;
    }
    return chosen;
  }

  #release(packetClass: number, probeCluster: number, output: PacerOutput): number {
    const queue = this.#queues[packetClass];
    const handle = queue.firstHandle;
    const bytes = queue.firstBytes;
    queue.shift();
    const sentBytes = output.release(handle, bytes, packetClass as PacerClass, probeCluster);
    this.#paddingDebtBytes += sentBytes;
    return sentBytes;
  }

  #nextProbeUs(plan: ProbePlan, nowUs: number): number {
    if (this.#probeStartUs < 0) return this.queuedPackets > 0 ? nowUs : Math.max(nowUs, this.#probeRetryUs);
    return this.#probeStartUs + (this.#probeBytes * 8_000_000) / plan.rateBps;
  }

  #sendProbe(plan: ProbePlan, nowUs: number, output: PacerOutput): void {
    if (this.#probeStartUs >= 0 && nowUs - this.#nextProbeUs(plan, nowUs) > MAX_PROBE_DELAY_US) {
      this.abandonedProbes++;
      this.#probe = undefined;
      return;
    }
    const stepBytes = (plan.rateBps * PROBE_STEP_US) / 8_000_000;
    const paddingBytes = Math.round(Math.min(MAX_PADDING_BYTES, Math.max(MIN_PADDING_BYTES, stepBytes)));
    while (this.#nextProbeUs(plan, nowUs) <= nowUs) {
      const packetClass = this.#nextClass();
      const sentBytes =
        packetClass < 0
          ? output.padding(paddingBytes, plan.clusterId)
          : this.#release(packetClass, plan.clusterId, output);
      if (packetClass < 0) this.#paddingDebtBytes += sentBytes;
      this.#budget.owe(sentBytes);
      if (sentBytes === 0 && packetClass < 0) {
        // Nothing can be sent yet: the probe waits for media, until it expires.
        if (this.#probeStartUs >= 0 || nowUs >= plan.expiresUs) this.#probe = undefined;
        this.#probeRetryUs = nowUs + PROBE_RETRY_US;
        return;
      }
      if (this.#probeStartUs < 0) this.#probeStartUs = nowUs;
      this.#probeBytes += sentBytes;
      this.#probePackets++;
      if (this.#probeBytes >= plan.minBytes && this.#probePackets >= plan.minPackets) {
        this.#probe = undefined;
        return;
      }
    }
  }

  #pad(output: PacerOutput): void {
    if (this.#paddingBps <= 0) return;
    const burstBytes = (this.#paddingBps * this.#config.burstUs) / 8_000_000;
    while (this.#paddingDebtBytes <= 0) {
      const bytes = Math.round(Math.min(MAX_PADDING_BYTES, Math.max(MIN_PADDING_BYTES, burstBytes)));
      const sentBytes = output.padding(bytes, NO_PROBE);
      if (sentBytes <= 0) return;
      this.#paddingDebtBytes += sentBytes;
      this.#budget.owe(sentBytes);
    }
  }
}

function ownBudget(): PacingBudget {
  const table = new TransportTable();
  return new PacingBudget(table, table.open(0));
}

/** The debt after a time at a rate, itself bounded by what the rate gives in `MAX_DEBT_US`. */
function paidOff(debtBytes: number, rateBps: number, elapsedUs: number): number {
  const bounded = Math.min(debtBytes, (rateBps * MAX_DEBT_US) / 8_000_000);
  return Math.max(0, bounded - (rateBps * elapsedUs) / 8_000_000);
}
