import { startNatsServer } from "@cation/cluster/testing/nats-server";
import { BenchChild } from "./bench-child.ts";
import { sleep } from "./native.ts";
import { progress, type BenchOptions } from "./options.ts";
import type { RelayLink } from "./relay-media-worker.ts";
import type { RelayReceiverUse } from "./relay-receiver.ts";
import type { RelaySenderAnswer, RelaySenderQuestion, RelaySenderReady } from "./relay-sender.ts";
import { median, round } from "./statistics.ts";

const PACKET_BYTES = 1200;
/** A few tracks, and what a core should carry. */
const RATES = [2_000, 20_000];
const WARM_UP_SECONDS = 2;
const SETTLE_MS = 300;

export interface RelayResult {
  name: "relay";
  /** Which way packets go between the nodes. */
  link: RelayLink;
  /** That arrived. */
  packetsPerSecond: number;
  /** CPU (user and system) that the link costs the sending node: what it uses more than without a link. */
  sendCpuUsPerPacket: number;
  /** CPU of the receiving node, its engine included, beyond what it uses at rest. */
  receiveCpuUsPerPacket: number;
  /** From one engine to the other. */
  addedDelayP50Us: number;
  addedDelayP99Us: number;
  lost: number;
}

const LINKS: readonly RelayLink[] = ["udp", "grpc", "nats"];

/** One video track from one node to another, each a process with a processor of its own, over each kind of link. */
export async function benchRelay(options: BenchOptions): Promise<RelayResult[]> {
  const nats = await startNatsServer();
  try {
    const results: RelayResult[] = [];
    for (const link of LINKS) results.push(...(await benchLink(link, nats.url, options)));
    return results;
  } finally {
    await nats.stop();
  }
}

async function benchLink(link: RelayLink, natsUrl: string, options: BenchOptions): Promise<RelayResult[]> {
  const { backend } = options;
  const sender = await BenchChild.start<RelaySenderReady>("relay-sender.ts", "measured", {
    backend,
    packetBytes: PACKET_BYTES,
    link,
    natsUrl,
  });
  const alone = new Map<number, number>();
  let receiver: BenchChild<object> | undefined;
  try {
    await send(sender, Math.max(...RATES), WARM_UP_SECONDS);
    for (const rate of RATES) {
      progress(`relay by ${link}: ${rate} packets/s without a link`);
      const { cpuUs, packets } = await send(sender, rate, options.seconds);
      alone.set(rate, cpuUs / packets);
    }
    receiver = await BenchChild.start("relay-receiver.ts", "driver", {
      backend,
      sender: sender.ready.address,
      link,
      natsUrl,
    });
    await send(sender, Math.max(...RATES), WARM_UP_SECONDS);
    const results: RelayResult[] = [];
    for (const rate of RATES) results.push(await measureRate(link, sender, receiver, rate, alone.get(rate)!, options));
    return results;
  } finally {
    await receiver?.stop();
    await sender.stop();
  }
}

function send(
  sender: BenchChild<RelaySenderReady>,
  packetsPerSecond: number,
  seconds: number,
): Promise<RelaySenderAnswer> {
  const question: RelaySenderQuestion = { packetsPerSecond, seconds };
  return sender.ask(question);
}

async function measureRate(
  link: RelayLink,
  sender: BenchChild<RelaySenderReady>,
  receiver: BenchChild<object>,
  rate: number,
  aloneCpuUs: number,
  options: BenchOptions,
): Promise<RelayResult> {
  const sendCpu: number[] = [];
  const receiveCpu: number[] = [];
  const uses: RelayReceiverUse[] = [];
  const arrived: number[] = [];
  let lost = 0;
  for (let run = 0; run < options.runs; run++) {
    progress(`relay by ${link}: ${rate} packets/s, run ${run + 1} of ${options.runs}`);
    await receiver.ask({});
    await sleep(SETTLE_MS);
    const rest = await receiver.ask<RelayReceiverUse>({});
    const sent = await send(sender, rate, options.seconds);
    await sleep(SETTLE_MS);
    const use = await receiver.ask<RelayReceiverUse>({});
    sendCpu.push(sent.cpuUs / sent.packets - aloneCpuUs);
    receiveCpu.push((use.cpuUs - (rest.cpuUs / rest.elapsedMs) * use.elapsedMs) / use.packets);
    arrived.push((use.packets * 1_000) / sent.elapsedMs);
    lost += sent.packets - use.packets;
    uses.push(use);
  }
  return {
    name: "relay",
    link,
    packetsPerSecond: Math.round(median(arrived)),
    sendCpuUsPerPacket: round(median(sendCpu)),
    receiveCpuUsPerPacket: round(median(receiveCpu)),
    addedDelayP50Us: median(uses.map(({ delayP50Us }) => delayP50Us)),
    addedDelayP99Us: median(uses.map(({ delayP99Us }) => delayP99Us)),
    lost,
  };
}
