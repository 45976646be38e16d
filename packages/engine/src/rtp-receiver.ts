import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";
import type { EngineTransport } from "./engine-transport.ts";
import { LearnFailure } from "./stream-demux.ts";

/** The way of a received RTP packet up to its stream: parse, find out whose it is, unwrap RTX. */
export class RtpReceiver {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Takes the packet in a slot; `context.packet.arrivalUs` is set. */
  receive(
    transport: EngineTransport,
    slot: number,
    generation: number,
    offset: number,
    length: number,
    nowUs: number,
  ): DropReason {
    const { packet, slots } = this.#context;
    if (!packet.load(slot, generation, offset, length)) return DropReason.RTP_MALFORMED;
    slots.set(slot, offset, length);
    this.#context.arrivals.receive(transport, packet.view, packet.arrivalUs, nowUs);
    let route = transport.demux.find(packet.ssrc);
    if (route === undefined) {
      const learnt = transport.demux.learn(packet.view, nowUs);
      if (learnt === LearnFailure.UNKNOWN) return DropReason.UNKNOWN_SSRC;
      if (learnt === LearnFailure.LIMIT) return DropReason.SSRC_LIMIT;
      route = learnt;
    }
    if (route.rtx) {
      if (packet.payloadBytes === 0) return DropReason.EMPTY;
      const original = route.stream.producer.associatedPayloadType(packet.payloadType);
      if (original < 0 || !packet.unwrapRtx(original)) return DropReason.RTX_MALFORMED;
      slots.setOriginalPayloadType(slot, original);
    }
    return route.stream.receive(packet, nowUs);
  }
}
