import { timestampDelta } from "./sequence.ts";

/*
 * NTP timestamps (RFC 3550 §4, RFC 5905 §6): seconds since 1900 in the upper 32 bits, fractions of a second in the
 * lower. They travel as two numbers, since 64 bits fit into no number of ours; microseconds since 1970 do.
 */

/** Seconds from 1900 to 1970. */
const UNIX_EPOCH_SECONDS = 2_208_988_800;
const ERA_SECONDS = 0x1_0000_0000;
const FRACTIONS_PER_SECOND = 0x1_0000_0000;
const US_PER_SECOND = 1_000_000;

/** Upper half of the NTP time of `unixUs` (microseconds since 1970; an integer). */
export function ntpSecondsFromUnixUs(unixUs: number): number {
  return (Math.floor(unixUs / US_PER_SECOND) + UNIX_EPOCH_SECONDS) >>> 0;
}

/** Lower half of the NTP time of `unixUs`. */
export function ntpFractionFromUnixUs(unixUs: number): number {
  const withinSecondUs = unixUs - Math.floor(unixUs / US_PER_SECOND) * US_PER_SECOND;
  return Math.round((withinSecondUs * FRACTIONS_PER_SECOND) / US_PER_SECOND) >>> 0;
}

/**
 * Microseconds since 1970 of an NTP time. Seconds below 2^31 are taken as those of the era that starts in 2036
 * (RFC 4330 §3), so that 1968 … 2104 come out right.
 */
export function unixUsFromNtp(ntpSeconds: number, ntpFraction: number): number {
  const seconds = ntpSeconds < 0x8000_0000 ? ntpSeconds + ERA_SECONDS : ntpSeconds;
  const withinSecondUs = Math.round((ntpFraction * US_PER_SECOND) / FRACTIONS_PER_SECOND);
  return (seconds - UNIX_EPOCH_SECONDS) * US_PER_SECOND + withinSecondUs;
}

/** The middle 32 bits: 16.16 seconds, as LSR and DLSR carry them (RFC 3550 §6.4.1). */
export function compactNtp(ntpSeconds: number, ntpFraction: number): number {
  return (((ntpSeconds & 0xffff) << 16) | (ntpFraction >>> 16)) >>> 0;
}

/** Compact NTP of microseconds since 1970. */
export function compactNtpFromUnixUs(unixUs: number): number {
  return compactNtp(ntpSecondsFromUnixUs(unixUs), ntpFractionFromUnixUs(unixUs));
}

/** A duration in 1/65536 s, as DLSR carries it; clamped to what 32 bits hold. */
export function compactNtpDurationFromUs(durationUs: number): number {
  const ticks = Math.round((durationUs * 0x1_0000) / US_PER_SECOND);
  return ticks <= 0 ? 0 : Math.min(ticks, 0xffff_ffff);
}

/** Microseconds of a duration in 1/65536 s. */
export function usFromCompactNtpDuration(ticks: number): number {
  return (ticks * US_PER_SECOND) / 0x1_0000;
}

/**
 * Round trip from a report block (RFC 3550 §6.4.1): now − LSR − DLSR in microseconds. -1 where the peer has had no
 * sender report yet; clocks that run apart can make it negative in truth, which gives 0.
 */
export function roundTripUs(nowCompactNtp: number, lastSenderReport: number, delaySinceLast: number): number {
  if (lastSenderReport === 0) return -1;
  const ticks = timestampDelta(nowCompactNtp - lastSenderReport, delaySinceLast);
  return ticks < 0 ? 0 : usFromCompactNtpDuration(ticks);
}
