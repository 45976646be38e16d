import type { FuzzTarget } from "./fuzz-target.ts";
import { opus, red } from "./rtp/audio.ts";
import { av1, av1SequenceHeader } from "./rtp/av1.ts";
import { Corpus } from "./rtp/corpus.ts";
import { dependencyDescriptor } from "./rtp/dependency-descriptor.ts";
import { h264, h264Sps } from "./rtp/h264.ts";
import { rtcpCompound } from "./rtp/rtcp-compound.ts";
import { fir, nack, pli, remb } from "./rtp/rtcp-feedback.ts";
import { receiverReport, senderReport } from "./rtp/rtcp-reports.ts";
import { bye, sdes } from "./rtp/rtcp-sdes.ts";
import { transportFeedback } from "./rtp/rtcp-transport-feedback.ts";
import { xr } from "./rtp/rtcp-xr.ts";
import { rtpDump } from "./rtp/rtp-dump.ts";
import { rtpPacket } from "./rtp/rtp-packet.ts";
import { vp8 } from "./rtp/vp8.ts";
import { vp9 } from "./rtp/vp9.ts";
import { dtlsCertificate, dtlsClientHello, dtlsRecords } from "./webrtc/dtls.ts";
import { sdpAnswer, sdpOffer } from "./webrtc/sdp.ts";
import { stun } from "./webrtc/stun.ts";
import { clientJson, clientProto } from "./signal/client-message.ts";

/** All parsers that are fuzzed. A new parser gets its entry here. */
export function fuzzTargets(): FuzzTarget[] {
  const corpus = new Corpus();
  return [
    rtpPacket(corpus),
    rtcpCompound(corpus),
    senderReport(corpus),
    receiverReport(corpus),
    sdes(corpus),
    bye(),
    nack(corpus),
    pli(corpus),
    fir(),
    remb(),
    transportFeedback(corpus),
    xr(corpus),
    vp8(corpus),
    vp9(corpus),
    h264(corpus),
    h264Sps(corpus),
    av1(corpus),
    av1SequenceHeader(corpus),
    dependencyDescriptor(corpus),
    opus(corpus),
    red(corpus),
    rtpDump(),
    stun(),
    dtlsRecords(),
    dtlsClientHello(),
    dtlsCertificate(),
    sdpOffer(),
    sdpAnswer(),
    clientJson(),
    clientProto(),
  ];
}
