import type { EmbeddedOptions } from "./options.ts";

/** What the start has to say. */
export interface BannerFacts {
  readonly options: EmbeddedOptions;
  readonly port: number;
  readonly mediaPort: number;
  readonly mediaBackend: string;
  /** Addresses at which other machines reach the web app; empty without --host. */
  readonly addresses: readonly string[];
  readonly room: string;
}

const BACKEND_WORDS: Readonly<Record<string, string>> = {
  native: "native backend",
  typescript: "TypeScript backend (the native one needs a C++ compiler at npm install)",
};

/** The text shown when everything runs. */
export function formatBanner({ options, port, mediaPort, mediaBackend, addresses, room }: BannerFacts): string {
  const scheme = options.host === undefined ? "http" : "https";
  const bases = basesOf(options, scheme, port, addresses);
  const lines = [
    "",
    `cation runs on ${bases[0]}`,
    "",
    `  New room   ${bases[0]}/r/${room}`,
    ...bases.slice(1).map((base) => `             ${base}/r/${room}`),
    "             Open it in two tabs, or send it to somebody.",
    `  Media      ${BACKEND_WORDS[mediaBackend] ?? mediaBackend}, port ${mediaPort} (UDP and TCP)`,
  ];
  if (scheme === "https") {
    lines.push("  Security   The certificate is this machine's own: browsers warn once, go on from there.");
  } else {
    lines.push("  Others     For other machines too: npm start -- --host all");
  }
  return [...lines, "  Stop       Ctrl-C", "", ""].join("\n");
}

function basesOf(options: EmbeddedOptions, scheme: string, port: number, addresses: readonly string[]): string[] {
  const toBase = (host: string): string => `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const isOneAddress = options.host !== undefined && options.host !== "all";
  return (isOneAddress ? addresses : ["localhost", ...addresses]).map(toBase);
}
