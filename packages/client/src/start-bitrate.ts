/** Codecs that carry others' payloads and have no bitrate of their own. */
const AUXILIARY = /^(rtx|red|ulpfec|flexfec-03)$/i;

/**
 * Tells a libwebrtc browser at which bitrate to begin (`x-google-start-bitrate`, kilobits a second, read from the video
 * codec's format parameters in a received description). Without it one begins at 300 kb/s and leaves the better
 * encodings of simulcast out, or starves them, for seconds. Others ignore it.
 *
 * @returns the description with the parameter on every video codec that did not have it.
 */
export function withStartBitrate(sdp: string, bitrateBps: number): string {
  const parameter = `x-google-start-bitrate=${Math.round(bitrateBps / 1000)}`;
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.startsWith("m=video") ? addToSection(section, parameter) : section))
    .join("");
}

function addToSection(section: string, parameter: string): string {
  let result = section;
  for (const [line, payloadType, name] of section.matchAll(/^a=rtpmap:(\d+) ([^/\r\n]+)\/[^\r\n]*\r?\n/gm)) {
    if (payloadType === undefined || name === undefined || AUXILIARY.test(name)) continue;
    const format = new RegExp(`^a=fmtp:${payloadType} ([^\\r\\n]*)`, "m");
    const existing = format.exec(result);
    if (existing === null) result = result.replace(line, `${line}a=fmtp:${payloadType} ${parameter}\r\n`);
    else if (!existing[0].includes("x-google-start-bitrate")) result = result.replace(format, `$&;${parameter}`);
  }
  return result;
}
