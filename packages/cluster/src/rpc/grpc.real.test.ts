import { describe } from "vitest";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { GrpcConnection } from "./grpc-client.ts";
import { GrpcServer } from "./grpc-server.ts";
import { CONTRACT_MAX_BYTES, rpcContract } from "./rpc.contract.ts";

describe("gRPC", () => {
  rpcContract(async (fixture, deadlineMs) => {
    const internalErrors: unknown[] = [];
    const options = { deadlineMs, maxMessageBytes: CONTRACT_MAX_BYTES };
    const server = new GrpcServer({ ...options, onInternalError: (error) => internalErrors.push(error) });
    server.add(SfuServiceDefinition, fixture.sfu);
    server.serveDuplex(RelayServiceDefinition, "link", fixture.serveLink);
    const port = await server.listen("127.0.0.1", 0);
    const connection = new GrpcConnection(`127.0.0.1:${port}`, options);
    return {
      sfu: connection.client<SfuService>(SfuServiceDefinition),
      openLink: () => connection.openDuplex(RelayServiceDefinition, "link"),
      internalErrors,
      close: async () => {
        connection.close();
        await server.close();
      },
    };
  });
});
