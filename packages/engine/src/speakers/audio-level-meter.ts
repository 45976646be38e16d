import { audioLevelOf } from "@cation/rtp/audio-level";
import type { IncomingPacket } from "../incoming-packet.ts";

/** Loudness is counted up from silence: 0 silent … 127 as loud as can be (127 − the level of RFC 6464, in dB). */
export const MAX_LOUDNESS = 127;
/** A sender without levels: what carries sound counts as quiet speech, what is too small to carry any as silence. */
const ASSUMED_LOUDNESS = 77;
const MIN_SOUND_BYTES = 20;
/** Nothing for so long is silence: a sender with discontinuous transmission sends now and then at least. */
const SILENT_AFTER_US = 500_000;
/** Shares of a new packet, in 256ths: loud at once (three packets), quiet after a while (ten). */
const ATTACK = 90;
const RELEASE = 26;

/** How loud one audio stream is, by the levels in its packets (RFC 6464, one- and two-byte form). */
export class AudioLevelMeter {
  /** In 256ths. */
  #loudness = 0;
  #lastPacketUs = Number.NEGATIVE_INFINITY;

  /** Takes a packet; `extensionId` is 0 where levels were not negotiated. On the path of incoming packets. */
  add(packet: IncomingPacket, extensionId: number, nowUs: number): void {
    const offset = extensionId === 0 ? -1 : packet.view.findExtension(extensionId);
    let loudness = packet.payloadBytes >= MIN_SOUND_BYTES ? ASSUMED_LOUDNESS : 0;
    if (offset >= 0 && packet.view.extensionBytes >= 1) {
      loudness = MAX_LOUDNESS - audioLevelOf(packet.view.bytes[offset]);
    }
    const step = (loudness << 8) - this.#loudness;
    this.#loudness += (step * (step > 0 ? ATTACK : RELEASE)) >> 8;
    this.#lastPacketUs = nowUs;
  }

  /** 0 … 127. */
  loudness(nowUs: number): number {
    return nowUs - this.#lastPacketUs > SILENT_AFTER_US ? 0 : this.#loudness / 256;
  }
}
