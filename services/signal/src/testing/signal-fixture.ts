import { directClient } from "@cation/cluster/rpc/direct-client";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { createSignal } from "../create-signal.ts";
import type { Signal } from "../create-signal.ts";
import type { ClientRequest } from "../client-request.ts";
import { apiKeysOf, loadSignalConfig } from "../signal-config.ts";
import type { SignalConfig } from "../signal-config.ts";
import { mintToken } from "../token-minter.ts";
import type { TokenRequest } from "../token-minter.ts";
import { FakeIslb } from "./fake-islb.ts";
import { FakeSfu } from "./fake-sfu.ts";
import { TestClient } from "./test-client.ts";
import type { SubProtocol } from "./test-client.ts";

/** A real signal on loopback before a pretended islb and two pretended sfus, on a clock that the test turns. */
export class SignalFixture {
  readonly clock = new VirtualClock();
  readonly islb = new FakeIslb();
  readonly sfus = new Map([
    ["sfu-a:1", new FakeSfu()],
    ["sfu-b:1", new FakeSfu()],
  ]);
  readonly signal: Signal;
  readonly logs: string[] = [];
  readonly #config: SignalConfig;

  static async start(overrides: Partial<SignalConfig> = {}): Promise<SignalFixture> {
    const fixture = new SignalFixture(overrides);
    await fixture.signal.start();
    return fixture;
  }

  private constructor(overrides: Partial<SignalConfig>) {
    const config = loadSignalConfig({ CATION_SIGNAL_MODE: "development" });
    this.#config = { ...config, httpHost: "127.0.0.1", httpPort: 0, ...overrides };
    this.signal = createSignal({
      config: this.#config,
      clock: this.clock,
      random: () => 0.5,
      islb: directClient<IslbService>(IslbServiceDefinition, this.islb),
      sfuFor: (address) => this.#sfuFor(address),
      logger: createLogger({
        service: "signal",
        level: "trace",
        destination: { write: (line) => void this.logs.push(line) },
      }),
    });
  }

  get sfu(): FakeSfu {
    return this.sfus.get("sfu-a:1") as FakeSfu;
  }

  token(overrides: Partial<TokenRequest> = {}): Promise<string> {
    const [apiKey] = apiKeysOf(this.#config);
    if (!apiKey) throw new Error("no API key");
    const grants = { publish: ["microphone", "camera"], subscribe: true, administer: false } as const;
    const request = { roomId: "blue", identity: "ada", name: "Ada", grants, lifetimeMs: 60_000, ...overrides };
    return mintToken(apiKey, request, this.clock);
  }

  connect(subProtocol?: SubProtocol): Promise<TestClient> {
    return TestClient.connect(this.signal.port, subProtocol);
  }

  /** A client that has joined, with its session token. */
  async joined(overrides: Partial<TokenRequest> = {}): Promise<{ client: TestClient; sessionToken: string }> {
    const client = await this.connect();
    const { result } = await client.request(joinRequest(await this.token(overrides)));
    if (result?.$case !== "joined") throw new Error(`not joined: ${JSON.stringify(result)}`);
    return { client, sessionToken: result.value.sessionToken };
  }

  #sfuFor(address: string): SfuService {
    const sfu = this.sfus.get(address);
    if (sfu) return directClient<SfuService>(SfuServiceDefinition, sfu);
    throw new CodedError("SFU_UNAVAILABLE");
  }
}

export function joinRequest(
  token: string,
  overrides: { nodeId?: string; autoSubscribe?: boolean } = {},
): ClientRequest {
  return { $case: "join", value: { token, region: "", nodeId: "", autoSubscribe: true, ...overrides } };
}
