import { ReportBlock } from "@cation/rtp/report-block";
import { RtcpType } from "@cation/rtp/rtcp-reader";
import { ReceiverReportReader } from "@cation/rtp/rtcp-receiver-report";
import { SenderReportReader } from "@cation/rtp/rtcp-sender-report";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

interface HasBlocks {
  readonly blockCount: number;
  readBlock(index: number, block: ReportBlock): boolean;
}

function digestBlocks(digest: Digest, report: HasBlocks, block: ReportBlock): void {
  for (let i = 0; report.readBlock(i, block); i++) {
    digest.number(block.ssrc);
    digest.number(block.fractionLost);
    digest.number(block.cumulativeLost);
    digest.number(block.highestSequence);
    digest.number(block.jitter);
    digest.number(block.lastSenderReport);
    digest.number(block.delaySinceLastSenderReport);
  }
  digest.number(report.blockCount);
}

/** Sender reports. */
export function senderReport(corpus: Corpus): FuzzTarget {
  const report = new SenderReportReader();
  const block = new ReportBlock();
  const digest = new Digest();
  return {
    name: "rtcp-sender-report",
    seeds: corpus.rtcp(RtcpType.SENDER_REPORT),
    read(bytes, offset, length) {
      if (!report.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(report.ssrc);
      digest.number(report.ntpSeconds);
      digest.number(report.ntpFraction);
      digest.number(report.rtpTimestamp);
      digest.number(report.packetCount);
      digest.number(report.octetCount);
      digestBlocks(digest, report, block);
      return digest.value;
    },
  };
}

/** Receiver reports. */
export function receiverReport(corpus: Corpus): FuzzTarget {
  const report = new ReceiverReportReader();
  const block = new ReportBlock();
  const digest = new Digest();
  return {
    name: "rtcp-receiver-report",
    seeds: corpus.rtcp(RtcpType.RECEIVER_REPORT),
    read(bytes, offset, length) {
      if (!report.set(bytes, offset, length)) return REFUSED;
      digest.start(offset, offset + length);
      digest.number(report.senderSsrc);
      digestBlocks(digest, report, block);
      return digest.value;
    },
  };
}
