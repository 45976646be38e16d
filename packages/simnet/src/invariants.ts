import type { PublisherSeat, SimCluster, ViewerSeat, WatchedTrack } from "./sim-cluster.ts";
import type { ViewerStream } from "./viewer-stream.ts";

/**
 * What must hold after any run, whatever the network did. Returns what does not, in words. `settled` says that the network was
 * quiet long enough at the end for every repair to have come to its end.
 */
export function brokenInvariants(cluster: SimCluster, settled: boolean): string[] {
  const broken = cluster.check();
  for (const [i, seat] of cluster.viewers.entries()) {
    for (const stream of seat.viewer.streams) {
      for (const text of brokenStream(cluster, seat, stream, settled)) broken.push(`viewer ${i}: ${text}`);
    }
    for (const watched of seat.watched) {
      for (const text of brokenNumbers(seat, watched)) broken.push(`viewer ${i}: ${text}`);
    }
    if (seat.viewer.strays > 0) broken.push(`viewer ${i}: ${seat.viewer.strays} packets of unknown streams`);
  }
  for (const [i, seat] of cluster.publishers.entries()) {
    for (const text of brokenRequests(seat)) broken.push(`publisher ${i}: ${text}`);
    const streams = [...(seat.video?.streams ?? []), ...(seat.audio?.streams ?? [])];
    const missing = streams.reduce((sum, { nack }) => sum + (nack?.missing ?? 0), 0);
    if (settled && missing > 0) broken.push(`publisher ${i}: ${missing} NACKs neither answered nor given up`);
  }
  return broken;
}

function brokenStream(cluster: SimCluster, seat: ViewerSeat, stream: ViewerStream, settled: boolean): string[] {
  const broken: string[] = [];
  const { recovery, decoder } = stream;
  if (settled && recovery.missing > 0) broken.push(`${recovery.missing} packets neither came nor were given up`);
  const downLost = seat.down.model.counters.lost + seat.down.model.counters.overflowed;
  const upLost = lostBefore(cluster);
  if (recovery.skipped.length > 0 && downLost + upLost === 0) {
    broken.push(`gaps that no network made: ${recovery.skipped.slice(0, 5).join(" ")}`);
  }
  if (upLost + downLost === 0 && (decoder.undecodable > 0 || recovery.asked > reordered(cluster))) {
    broken.push(`${decoder.undecodable} undecodable frames and ${recovery.asked} NACKs on a network that lost nothing`);
  }
  return broken;
}

/** Numbers that a node left out of a stream: each stands for a packet that never reached the node, or too late for it. */
function brokenNumbers(seat: ViewerSeat, { consumer, producer, stream }: WatchedTrack): string[] {
  if (consumer.closed || consumer.producer !== producer) return [];
  const gaps = seat.node.gapsOf(seat.transport, stream.params.ssrc);
  let neverCame = 0;
  for (const { reception, recovered } of producer.streams) {
    neverCame += reception.expectedPackets - reception.receivedPackets - recovered;
  }
  const [{ abandonedNumbers }] = consumer.stats();
  const explained = Math.max(0, neverCame) + abandonedNumbers;
  return gaps > explained ? [`${gaps} numbers left out; ${neverCame} never came, ${abandonedNumbers} abandoned`] : [];
}

/** Packets lost on all links that media passes before the viewers' own. */
function lostBefore(cluster: SimCluster): number {
  const links = [...cluster.publishers.map((seat) => seat.up), ...cluster.relays.map((relay) => relay.forth)];
  return links.reduce((sum, { model }) => sum + model.counters.lost + model.counters.overflowed, 0);
}

function reordered(cluster: SimCluster): number {
  const links = [
    ...cluster.publishers.map((seat) => seat.up.model),
    ...cluster.relays.map((relay) => relay.forth.model),
    ...cluster.viewers.map((seat) => seat.down.model),
  ];
  return links.reduce((sum, model) => sum + model.counters.reordered, 0);
}

/** At most one keyframe request a window reaches the publisher; two may arrive closer when the network delays one. */
function brokenRequests(seat: PublisherSeat): string[] {
  const { jitterUs, reorderUs } = seat.down.model.config;
  const windowUs = 500_000 - jitterUs - reorderUs - 1_000;
  if (seat.down.model.config.duplicate > 0) return [];
  return seat.publisher.keyframeRequestsUs.flatMap((timesUs, encoding) => {
    const tooClose = timesUs.filter((timeUs, i) => i > 0 && timeUs - timesUs[i - 1] < windowUs);
    return tooClose.length === 0 ? [] : [`encoding ${encoding}: keyframe requests too close at ${tooClose.join(" ")}`];
  });
}
