import { seqOf } from "@cation/rtp/sequence";
import type { ConsumerStream } from "./consumer-stream.ts";
import type { EngineContext } from "./engine-context.ts";
import type { ForwardGroup } from "./forward-group.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import type { SentStamps } from "./sent-stamps.ts";

/** Fills the head of a packet in the RTX stream (RFC 4588 §4). False where the receiver has no payload type for it. */
export function fillRtxHead(
  context: EngineContext,
  stream: ConsumerStream,
  packet: IncomingPacket,
  group: ForwardGroup,
  original: number,
): boolean {
  const payloadType = group.key.payloads.outgoingRtxOf(packet.payloadType);
  if (payloadType < 0 || stream.rtxSsrc === 0) return false;
  const { head } = context;
  const number = stream.nextRtxNumber++;
  head.ssrc = stream.rtxSsrc;
  head.payloadType = payloadType;
  head.sequenceNumber = number & 0xffff;
  head.rollover = Math.floor(number / 0x1_0000);
  head.originalSequence = original & 0xffff;
  head.absSendTime = context.absSendTime;
  if (group.key.plan.transportCcOffset >= 0) head.transportSequence = stream.transport.nextTransportSequence();
  return true;
}

/** Fills the head of a packet that goes out once more as it was. False where it is not remembered how it was. */
export function fillSameHead(
  context: EngineContext,
  stream: ConsumerStream,
  group: ForwardGroup,
  number: number,
  stamps: SentStamps,
): boolean {
  const entry = stamps.find(number);
  if (entry < 0) return false;
  const { head } = context;
  head.ssrc = stream.ssrc;
  head.payloadType = group.payloadType;
  head.marker = head.marker || stamps.forcedMarkerOf(entry);
  head.sequenceNumber = number & 0xffff;
  head.rollover = Math.floor(number / 0x1_0000);
  head.originalSequence = -1;
  head.absSendTime = stamps.absSendTimeOf(entry);
  head.transportSequence = stamps.transportSequenceOf(entry);
  stream.transport.bandwidth?.onSentAgain(seqOf(head.transportSequence));
  return true;
}
