/** Attributes of the session or of an m-section, as written (RFC 8866 §5.13). */
export interface SdpSection {
  /** Value of the m-line; empty for the session. */
  readonly mLine: string;
  /** Values by name, in the order written; "" for an attribute without a value. */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

export interface SdpSections {
  readonly session: SdpSection;
  readonly media: readonly SdpSection[];
}

/** Takes a description apart. Lines that are neither m= nor a= say nothing that WebRTC needs; malformed ones are skipped. */
export function splitSdp(sdp: string): SdpSections {
  let attributes = new Map<string, string[]>();
  const session: SdpSection = { mLine: "", attributes };
  const media: SdpSection[] = [];
  for (const line of sdp.split(/\r\n|\n|\r/)) {
    if (line.startsWith("m=")) {
      attributes = new Map();
      media.push({ mLine: line.slice(2), attributes });
    } else if (line.startsWith("a=")) {
      const colon = line.indexOf(":");
      const name = colon < 0 ? line.slice(2) : line.slice(2, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).trim();
      const values = attributes.get(name);
      if (values === undefined) attributes.set(name, [value]);
      else values.push(value);
    }
  }
  return { session, media };
}

/** All values of an attribute. */
export function valuesOf(section: SdpSection, name: string): readonly string[] {
  return section.attributes.get(name) ?? [];
}

/** The first value of an attribute; `undefined` where it is absent. */
export function valueOf(section: SdpSection, name: string): string | undefined {
  return section.attributes.get(name)?.[0];
}

/** The words of a value. */
export function wordsOf(value: string): string[] {
  return value.split(" ").filter(Boolean);
}

/** A decimal number without sign; NaN for anything else. */
export function decimalOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}
