import http from "k6/http";
import type { RefinedResponse, ResponseType } from "k6/http";
import { sleep } from "k6";
import type { MediaSummary } from "../../bots/media-summary.ts";
import type { ProcessHealth } from "../../bots/process-health.ts";
import type { Sample, SamplePage } from "../../bots/sample-log.ts";
import * as metrics from "./metrics.ts";
import { BOT_URLS } from "./settings.ts";

const PAUSE_SECONDS = 0.5;
const cursors = new Map<string, number>();
const totals = { packets: 0, lost: 0 };

/** One round: takes every new sample of every bot process into k6's metrics. For a scenario of one virtual user. */
export function collect(): void {
  for (const url of BOT_URLS) {
    readSamples(url);
    readHealth(url);
  }
  metrics.lossPercent.add(totals.packets > 0 ? (100 * totals.lost) / (totals.packets + totals.lost) : 0);
  metrics.freezes.add(0);
  sleep(PAUSE_SECONDS);
}

function readSamples(url: string): void {
  const after = cursors.get(url) ?? 0;
  const page = read<SamplePage>(http.get(`${url}/samples?after=${after}`, { tags: { name: "samples" } }));
  if (!page) return;
  cursors.set(url, page.cursor);
  metrics.missedSamples.add(page.lost);
  for (const sample of page.samples) take(sample);
}

function readHealth(url: string): void {
  const health = read<ProcessHealth & { readonly bots: number }>(
    http.get(`${url}/health`, { tags: { name: "health" } }),
  );
  if (!health) return;
  // Before there are bots it loads its code.
  metrics.saturated.add(health.saturated && health.bots > 0 ? 1 : 0);
  metrics.botCpuPercent.add(health.cpuPercent);
}

function read<T>(response: RefinedResponse<ResponseType | undefined>): T | undefined {
  return response.status === 200 ? (response.json() as T) : undefined;
}

function take(sample: Sample): void {
  const tags = { group: sample.group };
  switch (sample.kind) {
    case "join":
      metrics.joins.add(1, tags);
      return metrics.joinMs.add(sample.joinMs, tags);
    case "joinFailed":
      return metrics.joinFailures.add(1, { ...tags, code: sample.code });
    case "connected":
      return metrics.connectedMs.add(sample.connectedMs, tags);
    case "firstFrame":
      metrics.firstFrames.add(1, tags);
      return metrics.firstFrameMs.add(sample.afterJoinMs, tags);
    case "rejoin":
      return metrics.rejoins.add(1, tags);
    case "ended":
      return metrics.ends.add(1, tags);
    case "media":
      takeMedia(sample.audio, { ...tags, kind: "audio" });
      return takeMedia(sample.video, { ...tags, kind: "video" });
    case "sent":
      for (const [layer, bps] of Object.entries(sample.bitrateBps)) metrics.sentBps.add(bps, { ...tags, layer });
      return;
    default:
  }
}

function takeMedia(summary: MediaSummary | undefined, tags: Record<string, string>): void {
  if (!summary) return;
  totals.packets += summary.packets;
  totals.lost += summary.lost;
  metrics.packets.add(summary.packets, tags);
  metrics.lostPackets.add(summary.lost, tags);
  metrics.recoveredPackets.add(summary.recovered, tags);
  metrics.jitterMs.add(summary.jitterMs, tags);
  if (summary.latency) {
    metrics.latencyMs.add(summary.latency.p50Ms, tags);
    metrics.latencyP95Ms.add(summary.latency.p95Ms, tags);
  }
  if (tags.kind !== "video") return;
  metrics.freezes.add(summary.freezes, tags);
  metrics.freezeMs.add(summary.freezeMs, tags);
  for (const [height, bps] of Object.entries(summary.bitrateByHeight)) {
    metrics.bitrateBps.add(bps, { ...tags, layer: height });
  }
}
