import { Node } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { describe, expect, it } from "vitest";
import { NodeDirectory } from "./node-directory.ts";

const node = (nodeId: string) => Node.fromPartial({ nodeId, grpcAddress: `${nodeId}:1` });

describe("NodeDirectory", () => {
  it("knows what reports told it, and asks for what is newer, once at a time", async () => {
    let calls = 0;
    const directory = new NodeDirectory({
      async listNodes() {
        calls += 1;
        await Promise.resolve();
        return { nodes: [node("a"), node("b")] };
      },
    });
    directory.update([node("a")]);
    expect(await directory.findAddress("a")).toBe("a:1");
    expect(calls).toBe(0);
    expect(await Promise.all(["b", "b", "c"].map((id) => directory.findAddress(id)))).toEqual([
      "b:1",
      "b:1",
      undefined,
    ]);
    expect(calls).toBe(1);
    directory.update([]);
    expect(directory.size).toBe(0);
  });

  it("says when islb cannot be asked", async () => {
    const directory = new NodeDirectory({ listNodes: () => Promise.reject(new CodedError("ISLB_UNAVAILABLE")) });
    await expect(directory.findAddress("a")).rejects.toMatchObject({ code: "ISLB_UNAVAILABLE" });
  });
});
