import type { IncomingPacket } from "./incoming-packet.ts";
import type { StreamRewriter } from "./stream-rewriter.ts";

/** All layers that VP8 can have (RFC 7741 §4.2: two bits). */
export const ALL_TEMPORAL_LAYERS = 3;

/** Leaves out temporal layers above a limit; goes down at the next frame, up where the stream allows it. */
export class TemporalFilter {
  /** What is wanted. */
  wanted = ALL_TEMPORAL_LAYERS;
  /** What passes now. */
  current = ALL_TEMPORAL_LAYERS;

  /** Whether the packet is to be sent. */
  passes(packet: IncomingPacket, rewriter: StreamRewriter): boolean {
    if (this.wanted !== this.current) this.#adjust(packet, rewriter);
    return packet.temporalId <= this.current;
  }

  /** Highest layer whose packets pass, now and as long as the wish stays. */
  get sure(): number {
    return Math.min(this.wanted, this.current);
  }

  /** Whether a packet of a stream with layers up to `maxTemporalId` may let more of them through. */
  goesUp(maxTemporalId: number): boolean {
    return this.wanted > this.current && maxTemporalId > this.current;
  }

  /** The stream starts at a keyframe: nothing has been left out yet. */
  restart(): void {
    this.current = this.wanted;
  }

  #adjust(packet: IncomingPacket, rewriter: StreamRewriter): void {
    if (!packet.frameStart || !rewriter.isNewest(packet)) return;
    if (this.wanted < this.current || packet.keyframeStart) {
      this.current = this.wanted;
    } else if (packet.layerSync && packet.temporalId > this.current && packet.temporalId <= this.wanted) {
      this.current = packet.temporalId;
    }
  }
}
