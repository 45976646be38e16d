import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { CodedError } from "@cation/service-kit/coded-error";
import { LOG_LEVELS } from "@cation/service-kit/logger";
import type { LogLevel } from "@cation/service-kit/logger";

export const USAGE = `npm start -- [options]

  --port N                 port of the web app (default 8080)
  --host ADDRESS|all       serve other machines too: on one address of this machine, or on all. Browsers give out cameras
                           in secure contexts only, so this means https with a certificate made on first use
  --udp-port N             port of the media, UDP and TCP (default: any free one; with --host 7300)
  --media-backend NAME     auto, native or typescript (default auto: native where its addon was built)
  --log-level LEVEL        ${LOG_LEVELS.join(", ")} (default warn)
  --help                   this text

Every setting of the services (CATION_SIGNAL_…, CATION_SFU_…, CATION_ISLB_…) works here, too.
`;

const MEDIA_BACKENDS = ["auto", "native", "typescript"] as const;
const DEFAULT_PORT = 8080;
const DEFAULT_UDP_PORT = 7300;

/** What the command line says. */
export interface EmbeddedOptions {
  readonly port: number;
  /** "all", an address of this machine, or undefined for this machine alone. */
  readonly host: string | undefined;
  /** 0 asks the kernel for a free one. */
  readonly udpPort: number;
  readonly mediaBackend: (typeof MEDIA_BACKENDS)[number];
  readonly logLevel: LogLevel;
  readonly help: boolean;
}

/** Reads the command line. Throws CONFIG_INVALID naming the option, its value and what is allowed. */
export function readOptions(argv: readonly string[]): EmbeddedOptions {
  const values = parse(argv);
  const host = values.host;
  if (host !== undefined && host !== "all" && isIP(host) === 0) {
    throw invalid("host", host, 'must be "all" or a numeric address of this machine');
  }
  return {
    port: readPort("port", values.port, DEFAULT_PORT),
    host,
    udpPort: readPort("udp-port", values["udp-port"], host === undefined ? 0 : DEFAULT_UDP_PORT),
    mediaBackend: readChoice("media-backend", values["media-backend"], MEDIA_BACKENDS, "auto"),
    logLevel: readChoice("log-level", values["log-level"], LOG_LEVELS, "warn"),
    help: values.help ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: { type: "string" },
        host: { type: "string" },
        "udp-port": { type: "string" },
        "media-backend": { type: "string" },
        "log-level": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new CodedError("CONFIG_INVALID", error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function readPort(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw invalid(name, text, "must be a number from 0 to 65535");
}

function readChoice<T extends string>(name: string, text: string | undefined, choices: readonly T[], fallback: T): T {
  if (text === undefined) return fallback;
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  throw invalid(name, text, `must be one of ${choices.join(", ")}`);
}

function invalid(name: string, text: string, allowed: string): CodedError {
  return new CodedError("CONFIG_INVALID", `--${name} is ${JSON.stringify(text)}: ${allowed}.`);
}
