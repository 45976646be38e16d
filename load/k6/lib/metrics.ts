import { Counter, Gauge, Trend } from "k6/metrics";

/** What the bots saw, as k6's metrics. Tags: `group` of the bots; `kind` audio or video; `layer` a height or rid. */

export const joinMs = new Trend("bot_join_ms", true);
export const joins = new Counter("bot_joins");
export const joinFailures = new Counter("bot_join_failures");
/** From the start of a join to keys on the receiving connection. */
export const connectedMs = new Trend("bot_connected_ms", true);
/** From the answer to the join to the first picture that can be decoded. */
export const firstFrameMs = new Trend("bot_first_frame_ms", true);
export const firstFrames = new Counter("bot_first_frames");
export const rejoins = new Counter("bot_rejoins");
export const ends = new Counter("bot_ends");
/** From the publisher's sending to the viewer's arrival: the median and the 95th percentile of each bot and interval. */
export const latencyMs = new Trend("media_latency_ms", true);
export const latencyP95Ms = new Trend("media_latency_p95_ms", true);
export const jitterMs = new Trend("media_jitter_ms", true);
export const bitrateBps = new Trend("media_bitrate_bps");
export const sentBps = new Trend("media_sent_bps");
export const packets = new Counter("media_packets");
export const lostPackets = new Counter("media_lost_packets");
export const recoveredPackets = new Counter("media_recovered_packets");
/** Lost of all that were due, over the whole run. */
export const lossPercent = new Gauge("media_loss_percent");
export const freezes = new Counter("media_freezes");
export const freezeMs = new Counter("media_freeze_ms");
/** Looks at bot processes that found them busy beyond what they can measure by: one voids the run. */
export const saturated = new Counter("bots_saturated");
/** Samples that the bots had overwritten before they were read. */
export const missedSamples = new Counter("bots_missed_samples");
export const botCpuPercent = new Trend("bots_cpu_percent");
