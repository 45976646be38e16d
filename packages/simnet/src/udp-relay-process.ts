/** A UdpRelay as a process of its own, steered over IPC: timing that does not depend on what the parent does. */
import { argv, exit } from "node:process";
import type { LinkConfig } from "./link-model.ts";
import { UdpRelay } from "./udp-relay.ts";
import type { RelayDirection, UdpRelayOptions } from "./udp-relay.ts";

/** What the parent may say. */
export type RelayOrder =
  | { readonly kind: "group"; readonly group: string }
  | {
      readonly kind: "link";
      readonly group: string;
      readonly direction: RelayDirection;
      readonly change: Partial<LinkConfig>;
    };

const relay = await UdpRelay.open(JSON.parse(argv[2] ?? "{}") as UdpRelayOptions);
process.on("message", (order: RelayOrder) => {
  if (order.kind === "group") relay.setGroup(order.group);
  else relay.configure(order.group, order.direction, order.change);
});
process.once("disconnect", () => {
  relay.close();
  exit(0);
});
process.send?.("ready");
