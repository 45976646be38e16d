import type { MediaSource, SourcePacket } from "./vp8-source.ts";

/** A recorded tone in Opus packets of 20 ms (RFC 7587), played in a loop. */
export class OpusSource implements MediaSource {
  readonly clockRateHz = 48_000;
  readonly frameIntervalMs = 20;
  readonly #packets: readonly Uint8Array[];
  #next: number;
  #first = true;

  constructor(packets: readonly Uint8Array[], phase: number) {
    this.#packets = packets;
    this.#next = phase % packets.length;
  }

  requestKeyframe(): void {
    // Each packet can be decoded by itself.
  }

  nextFrame(): SourcePacket[] {
    const payload = this.#packets[this.#next];
    this.#next = (this.#next + 1) % this.#packets.length;
    // RFC 3551 §4.1: the marker is set at the start of a talkspurt.
    const marker = this.#first;
    this.#first = false;
    return [{ payload, marker }];
  }
}
