import { describe } from "vitest";
import { mediaIoAddressContract } from "./media-io-address.contract.ts";
import { mediaIoLifecycleContract } from "./media-io-lifecycle.contract.ts";
import { mediaIoReceiveContract } from "./media-io-receive.contract.ts";
import { mediaIoSendContract } from "./media-io-send.contract.ts";
import { mediaIoTcpContract } from "./media-io-tcp.contract.ts";
import type { MediaIo, MediaIoOptions } from "./media-io.ts";

/** Opens the backend under test. */
export type OpenMediaIo = (options: MediaIoOptions) => Promise<MediaIo>;

/** What every MediaIo backend must do, over real loopback sockets. */
export function mediaIoContract(name: string, open: OpenMediaIo): void {
  describe(`${name} as MediaIo`, () => {
    mediaIoSendContract(open);
    mediaIoReceiveContract(open);
    mediaIoAddressContract(open);
    mediaIoTcpContract(open);
    mediaIoLifecycleContract(open);
  });
}
