/** Length of the element's data in the one-byte form (RFC 6464 §3). */
export const AUDIO_LEVEL_BYTES = 1;

/** Level as −dBov: 0 is the loudest, 127 silence (RFC 6464 §3). */
export function audioLevelOf(value: number): number {
  return value & 0x7f;
}

/** Whether the encoder took it for speech (the V bit). */
export function audioLevelVoice(value: number): boolean {
  return (value & 0x80) !== 0;
}

/** The byte for a level (clamped to 0 … 127 −dBov) and the voice bit. */
export function encodeAudioLevel(level: number, voice: boolean): number {
  const clamped = level < 0 ? 0 : level > 127 ? 127 : Math.round(level);
  return clamped | (voice ? 0x80 : 0);
}
