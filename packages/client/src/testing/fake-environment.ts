import type { ClientEnvironment } from "../environment.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakePeerConnection } from "./fake-peer-connection.ts";
import { FakeServer } from "./fake-server.ts";

/** A browser, a network and a server that do only what a test says. */
export class FakeEnvironment implements ClientEnvironment {
  readonly clock = new FakeClock(1_700_000_000_000);
  readonly server = new FakeServer();
  readonly peerConnections: FakePeerConnection[] = [];
  readonly #networkListeners = new Set<() => void>();

  readonly createSocket = this.server.createSocket;
  readonly nowMs = (): number => this.clock.nowMs();
  readonly random = (): number => 0.5;
  /** Of the elements that are watched, in order: what the page would say. */
  readonly elementSizes: ((width: number, height: number) => void)[] = [];
  readonly elements = {
    watch: (_element: Element, callback: (width: number, height: number) => void): (() => void) => {
      this.elementSizes.push(callback);
      return () => undefined;
    },
  };
  readonly codecs = (kind: "audio" | "video"): readonly RTCRtpCodec[] =>
    kind === "video"
      ? [
          { mimeType: "video/VP8", clockRate: 90_000 },
          { mimeType: "video/VP9", clockRate: 90_000 },
        ]
      : [
          { mimeType: "audio/opus", clockRate: 48_000, channels: 2 },
          { mimeType: "audio/red", clockRate: 48_000, channels: 2 },
        ];
  readonly setTimer = (callback: () => void, delayMs: number): (() => void) => this.clock.setTimer(callback, delayMs);

  readonly createPeerConnection = (configuration: RTCConfiguration): RTCPeerConnection => {
    const connection = new FakePeerConnection(configuration);
    this.peerConnections.push(connection);
    return connection.asPeerConnection();
  };

  readonly onNetworkChange = (callback: () => void): (() => void) => {
    this.#networkListeners.add(callback);
    return () => this.#networkListeners.delete(callback);
  };

  /** The machine finds itself on another network. */
  changeNetwork(): void {
    for (const listener of this.#networkListeners) listener();
  }

  /** Who still listens for the network. */
  get networkListeners(): number {
    return this.#networkListeners.size;
  }
}
