import { createEmbedded } from "@cation/embedded/create-embedded";
import type { Embedded } from "@cation/embedded/create-embedded";
import { loadIslbConfig } from "@cation/islb/islb-config";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import { loadSfuConfig } from "@cation/sfu/sfu-config";
import { apiKeysOf, loadSignalConfig } from "@cation/signal/signal-config";
import type { ApiKey } from "@cation/signal/signal-config";
import { WEB_ROOT } from "../../../../scripts/build-web.ts";
import { NodeInspector } from "./node-inspector.ts";
import { ServiceLog } from "./service-log.ts";

export interface TestEmbeddedOptions {
  /** Default: native where its addon was built. */
  readonly mediaBackend?: "auto" | "typescript";
  /** Further settings of signal, as environment variables. */
  readonly signal?: Readonly<Record<string, string>>;
  /** Address of the media port. Default: loopback. */
  readonly mediaHost?: string;
  /** Address that clients are told instead, where something stands in between. */
  readonly announced?: string;
}

/** The embedded mode in the process of the test, on free ports. */
export class TestEmbedded {
  readonly log: ServiceLog;
  readonly url: string;
  readonly node: NodeInspector;
  readonly mediaPort: number;
  readonly mediaBackend: string;
  /** Signs tokens that this server takes. */
  readonly apiKey: ApiKey;
  readonly #embedded: Embedded;

  static async start(options: TestEmbeddedOptions = {}): Promise<TestEmbedded> {
    const { mediaBackend = "auto", mediaHost = "127.0.0.1", announced, signal: settings } = options;
    const log = new ServiceLog();
    const signal = loadSignalConfig({
      CATION_SIGNAL_MODE: "development",
      CATION_SIGNAL_WEB_ROOT: WEB_ROOT,
      CATION_SIGNAL_DRAIN_SPREAD_MS: "0",
      CATION_SIGNAL_HTTP_HOST: "localhost",
      CATION_SIGNAL_HTTP_PORT: "0",
      ...settings,
    });
    const embedded = await createEmbedded({
      signal,
      islb: loadIslbConfig({}),
      sfu: loadSfuConfig({
        CATION_SFU_MODE: "development",
        CATION_SFU_NODE_ID: "embedded",
        CATION_SFU_MEDIA_HOST: mediaHost,
        ...(announced === undefined ? {} : { CATION_SFU_ANNOUNCED_ADDRESSES: announced }),
        CATION_SFU_MEDIA_PORT: "0",
        CATION_SFU_MEDIA_BACKEND: mediaBackend,
      }),
      clock: systemClock,
      random: Math.random,
      loggerFor: (service) =>
        createLogger({
          service,
          level: "info",
          format: "pretty",
          destination: { write: (line) => log.add(service, line.trimEnd()) },
        }),
    });
    await embedded.start();
    const apiKey = apiKeysOf(signal)[0];
    if (apiKey === undefined) throw new Error("Development mode has an API key.");
    return new TestEmbedded(embedded, log, apiKey);
  }

  private constructor(embedded: Embedded, log: ServiceLog, apiKey: ApiKey) {
    this.#embedded = embedded;
    this.log = log;
    this.apiKey = apiKey;
    this.url = `http://localhost:${embedded.port}`;
    this.mediaPort = embedded.mediaPort;
    this.mediaBackend = embedded.mediaBackend;
    this.node = new NodeInspector("embedded", embedded.sfu, `${this.url}/metrics`);
  }

  async stop(): Promise<void> {
    await this.#embedded.close();
  }
}
