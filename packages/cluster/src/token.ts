const encoder = new TextEncoder();

/**
 * Any text as a token of letters, digits, `_` and `-`, with every other byte of its UTF-8 form as `=XX`. Different texts
 * give different tokens, and the usual ids stay readable. Safe as a token of a NATS subject and inside a Redis key.
 */
export function encodeToken(text: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  // An empty token would be no token; "=" alone encodes nothing else.
  if (text === "") return "=";
  let token = "";
  for (const byte of encoder.encode(text)) {
    const char = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(char) ? char : `=${byte.toString(16).padStart(2, "0")}`;
  }
  return token;
}

/** The text of a token, or undefined when it is none of encodeToken's. */
export function decodeToken(token: string): string | undefined {
  if (token === "=") return "";
  if (!/^(?:[A-Za-z0-9_-]|=[0-9a-f]{2})+$/.test(token)) return undefined;
  const bytes = token.replaceAll(/=([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes, (char) => char.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
}
