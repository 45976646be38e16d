import { describe } from "vitest";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { directClient } from "./direct-client.ts";
import { directDuplex } from "./direct-duplex.ts";
import { CONTRACT_MAX_BYTES, rpcContract } from "./rpc.contract.ts";

describe("direct calls", () => {
  rpcContract((fixture, deadlineMs) => {
    const internalErrors: unknown[] = [];
    const options = {
      deadlineMs,
      maxMessageBytes: CONTRACT_MAX_BYTES,
      onInternalError: (error: unknown) => internalErrors.push(error),
    };
    return Promise.resolve({
      sfu: directClient<SfuService>(SfuServiceDefinition, fixture.sfu, options),
      openLink: () => directDuplex(RelayServiceDefinition, "link", fixture.serveLink, options),
      internalErrors,
      close: () => Promise.resolve(),
    });
  });
});
