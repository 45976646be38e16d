import { writeBye } from "@cation/rtp/rtcp-bye";
import { writeReceiverReport } from "@cation/rtp/rtcp-receiver-report";
import { writeSdesCname } from "@cation/rtp/rtcp-sdes";
import type { Ssrc } from "@cation/rtp/units";
import type { Consumer } from "./consumer.ts";
import type { RtcpOutbox } from "./rtcp-outbox.ts";

/** Says that a consumer's streams end, where it has sent something (RFC 3550 §6.6): a compound with report and CNAME. */
export function sendBye(outbox: RtcpOutbox, consumer: Consumer): void {
  const ssrcs: Ssrc[] = [];
  for (const stream of consumer.streams) {
    if (stream.packets > 0) ssrcs.push((stream.ssrc >>> 0) as Ssrc);
  }
  if (ssrcs.length === 0) return;
  const { transport } = consumer;
  const { bytes } = outbox;
  let end = writeReceiverReport(bytes, 0, ssrcs[0], [], 0);
  end = writeSdesCname(bytes, end, ssrcs[0], transport.cname);
  end = writeBye(bytes, end, ssrcs, Math.min(ssrcs.length, 31), new Uint8Array(0));
  if (end > 0) outbox.send(transport, end);
}
