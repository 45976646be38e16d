import type { MediaSummary } from "../bots/media-summary.ts";
import type { Sample } from "../bots/sample-log.ts";

/** What happened to all bots in one second. */
export interface TimelineSecond {
  readonly atMs: number;
  /** Bots in their rooms at its end. */
  readonly present: number;
  readonly joins: number;
  readonly failures: number;
  readonly rejoins: number;
  readonly packets: number;
  readonly lost: number;
  readonly recovered: number;
  readonly freezes: number;
  /** Over the bots that reported in this second: medians of what each saw, and the 95th of their 95th. */
  readonly latencyP50Ms: number | undefined;
  readonly latencyP95Ms: number | undefined;
  readonly jitterP95Ms: number | undefined;
  /** Bits a second of video by height of the picture, mean over the bots that had it. */
  readonly bitrateByHeight: Readonly<Record<string, number>>;
}

/** One bot's way in. */
export interface Arrival {
  readonly atMs: number;
  readonly group: string;
  readonly joinMs: number;
  firstFrameMs: number | undefined;
}

interface Bucket {
  present: number;
  joins: number;
  failures: number;
  rejoins: number;
  packets: number;
  lost: number;
  recovered: number;
  freezes: number;
  latencyP50: number[];
  latencyP95: number[];
  jitter: number[];
  bitrates: Map<string, { sum: number; count: number }>;
}

/** Puts the samples of all bots on a time axis of seconds. */
export class Timeline {
  readonly arrivals: Arrival[] = [];
  readonly failureCodes = new Map<string, number>();
  readonly #startMs: number;
  readonly #buckets = new Map<number, Bucket>();
  readonly #byBot = new Map<string, Arrival>();
  #present = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** `source` names the bot process, whose bots have numbers of their own. */
  add(source: string, sample: Sample): void {
    const bucket = this.#bucketOf(sample.atMs);
    const key = `${source}/${sample.bot}`;
    switch (sample.kind) {
      case "join": {
        bucket.joins += 1;
        bucket.present = ++this.#present;
        const { atMs, group, joinMs } = sample;
        const arrival: Arrival = { atMs, group, joinMs, firstFrameMs: undefined };
        this.arrivals.push(arrival);
        this.#byBot.set(key, arrival);
        return;
      }
      case "joinFailed":
        bucket.failures += 1;
        this.failureCodes.set(sample.code, (this.failureCodes.get(sample.code) ?? 0) + 1);
        return;
      case "firstFrame": {
        const arrival = this.#byBot.get(key);
        if (arrival) arrival.firstFrameMs = sample.afterJoinMs;
        return;
      }
      case "rejoin":
        bucket.rejoins += 1;
        return;
      case "ended":
        bucket.present = --this.#present;
        return;
      case "media":
        for (const summary of [sample.audio, sample.video]) if (summary) addMedia(bucket, summary);
        if (sample.video) bucket.freezes += sample.video.freezes;
        for (const [height, bps] of Object.entries(sample.video?.bitrateByHeight ?? {})) {
          const rate = bucket.bitrates.get(height) ?? { sum: 0, count: 0 };
          bucket.bitrates.set(height, { sum: rate.sum + bps, count: rate.count + 1 });
        }
        return;
      default:
    }
  }

  /** From the first second in which something happened to the last, none left out. */
  seconds(): TimelineSecond[] {
    const keys = [...this.#buckets.keys()];
    if (keys.length === 0) return [];
    const seconds: TimelineSecond[] = [];
    let present = 0;
    const last = Math.max(...keys);
    for (let second = Math.min(...keys); second <= last; second++) {
      const bucket = this.#buckets.get(second) ?? emptyBucket();
      if (bucket.present >= 0) present = bucket.present;
      seconds.push({
        atMs: this.#startMs + second * 1_000,
        present,
        joins: bucket.joins,
        failures: bucket.failures,
        rejoins: bucket.rejoins,
        packets: bucket.packets,
        lost: bucket.lost,
        recovered: bucket.recovered,
        freezes: bucket.freezes,
        latencyP50Ms: quantile(bucket.latencyP50, 0.5),
        latencyP95Ms: quantile(bucket.latencyP95, 0.95),
        jitterP95Ms: quantile(bucket.jitter, 0.95),
        bitrateByHeight: Object.fromEntries(
          [...bucket.bitrates].map(([height, { sum, count }]) => [height, sum / count]),
        ),
      });
    }
    return seconds;
  }

  #bucketOf(atMs: number): Bucket {
    const second = Math.floor((atMs - this.#startMs) / 1_000);
    const known = this.#buckets.get(second);
    if (known) return known;
    const bucket = emptyBucket();
    this.#buckets.set(second, bucket);
    return bucket;
  }
}

function emptyBucket(): Bucket {
  return {
    ...{ present: -1, joins: 0, failures: 0, rejoins: 0, packets: 0, lost: 0, recovered: 0, freezes: 0 },
    ...{ latencyP50: [], latencyP95: [], jitter: [], bitrates: new Map() },
  };
}

function addMedia(bucket: Bucket, summary: MediaSummary): void {
  bucket.packets += summary.packets;
  bucket.lost += summary.lost;
  bucket.recovered += summary.recovered;
  bucket.jitter.push(summary.jitterMs);
  if (!summary.latency) return;
  bucket.latencyP50.push(summary.latency.p50Ms);
  bucket.latencyP95.push(summary.latency.p95Ms);
}

/** The value below which so great a share lies; undefined without values. */
export function quantile(values: readonly number[], share: number): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
