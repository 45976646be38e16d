/** A capture or received track, as far as the SDK looks at one. */
export class FakeMediaTrack extends EventTarget {
  readonly kind: string;
  readonly id: string;
  readonly size: { width?: number; height?: number };
  enabled = true;
  contentHint = "";

  constructor(kind: "audio" | "video", id: string, size: { width?: number; height?: number } = {}) {
    super();
    this.kind = kind;
    this.id = id;
    this.size = size;
  }

  getSettings(): MediaTrackSettings {
    return this.size;
  }

  asMediaTrack(): MediaStreamTrack {
    return this as unknown as MediaStreamTrack;
  }
}

/** A transceiver: on the sending side one track and its encodings, on the receiving side a track made by the browser. */
export class FakeTransceiver {
  mid: string | null = null;
  stopped = false;
  readonly sendEncodings: RTCRtpEncodingParameters[];
  readonly sender: {
    track: MediaStreamTrack | null;
    replaceTrack(track: MediaStreamTrack | null): Promise<void>;
    getParameters(): { encodings: RTCRtpEncodingParameters[] };
    setParameters(parameters: { encodings: RTCRtpEncodingParameters[] }): Promise<void>;
  };
  readonly receiver: { track: MediaStreamTrack };
  codecs: RTCRtpCodec[] = [];

  constructor(kind: "audio" | "video", track: MediaStreamTrack | null, sendEncodings: RTCRtpEncodingParameters[]) {
    this.sendEncodings = sendEncodings;
    const sender = {
      track,
      replaceTrack(next: MediaStreamTrack | null): Promise<void> {
        sender.track = next;
        return Promise.resolve();
      },
      getParameters: () => ({ encodings: this.sendEncodings.map((encoding) => ({ ...encoding })) }),
      setParameters: ({ encodings }: { encodings: RTCRtpEncodingParameters[] }): Promise<void> => {
        this.sendEncodings.splice(0, this.sendEncodings.length, ...encodings);
        return Promise.resolve();
      },
    };
    this.sender = sender;
    this.receiver = { track: new FakeMediaTrack(kind, `received-${Math.random()}`).asMediaTrack() };
  }

  setCodecPreferences(codecs: RTCRtpCodec[]): void {
    this.codecs = codecs;
  }

  stop(): void {
    this.stopped = true;
  }
}

/**
 * A peer connection without a network. Its descriptions are JSON: `{ice: <generation>, mids: [...]}`; m-lines of a
 * received offer become transceivers. Signalling states are kept as a browser keeps them, and wrong calls throw.
 */
export class FakePeerConnection extends EventTarget {
  readonly configuration: RTCConfiguration;
  transceivers: FakeTransceiver[] = [];
  signalingState: RTCSignalingState = "stable";
  connectionState: RTCPeerConnectionState = "new";
  localDescription: RTCSessionDescriptionInit | null = null;
  remoteDescription: RTCSessionDescriptionInit | null = null;
  iceGeneration = 0;
  /** Makes the next setRemoteDescription fail. */
  refuseNextRemote = false;
  /** What getStats tells. */
  stats: readonly object[] = [];
  #nextMid = 0;

  constructor(configuration: RTCConfiguration) {
    super();
    this.configuration = configuration;
  }

  asPeerConnection(): RTCPeerConnection {
    return this as unknown as RTCPeerConnection;
  }

  /** What a change of the network's mood looks like from inside. */
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  addTransceiver(trackOrKind: MediaStreamTrack | string, init?: RTCRtpTransceiverInit): FakeTransceiver {
    const track = typeof trackOrKind === "string" ? null : trackOrKind;
    const kind = (typeof trackOrKind === "string" ? trackOrKind : trackOrKind.kind) as "audio" | "video";
    const transceiver = new FakeTransceiver(kind, track, init?.sendEncodings ?? []);
    this.transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  async createOffer(options?: RTCOfferOptions): Promise<RTCSessionDescriptionInit> {
    this.#assertOpen();
    if (options?.iceRestart === true) this.iceGeneration += 1;
    return Promise.resolve({ type: "offer", sdp: "" });
  }

  async createAnswer(): Promise<RTCSessionDescriptionInit> {
    this.#assertState("have-remote-offer");
    return Promise.resolve({ type: "answer", sdp: "" });
  }

  async setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.#assertOpen();
    if (description.type === "rollback") {
      this.#assertState("have-local-offer");
      this.signalingState = "stable";
      return Promise.resolve();
    }
    if (description.type === "offer") {
      this.#assertState("stable");
      for (const one of this.transceivers) if (!one.stopped) one.mid ??= String(this.#nextMid++);
      this.signalingState = "have-local-offer";
    } else {
      this.#assertState("have-remote-offer");
      this.signalingState = "stable";
    }
    this.localDescription = { type: description.type, sdp: this.#describe() };
    return Promise.resolve();
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.#assertOpen();
    if (this.refuseNextRemote) {
      this.refuseNextRemote = false;
      throw new DOMException("cannot be parsed", "InvalidAccessError");
    }
    if (description.type === "answer") {
      this.#assertState("have-local-offer");
      this.signalingState = "stable";
    } else {
      this.#assertState("stable");
      this.signalingState = "have-remote-offer";
      const { mids } = JSON.parse(description.sdp ?? "") as { mids: string[] };
      for (const mid of mids) {
        if (this.transceivers.some((one) => one.mid === mid)) continue;
        const transceiver = this.addTransceiver(mid.startsWith("a") ? "audio" : "video");
        transceiver.mid = mid;
      }
    }
    this.remoteDescription = description;
    return Promise.resolve();
  }

  getStats(): Promise<RTCStatsReport> {
    return Promise.resolve(new Map(this.stats.map((one, index) => [String(index), one])) as unknown as RTCStatsReport);
  }

  close(): void {
    this.signalingState = "closed";
    this.connectionState = "closed";
  }

  #describe(): string {
    const mids = this.transceivers.filter((one) => !one.stopped).map((one) => one.mid);
    return JSON.stringify({ ice: this.iceGeneration, mids });
  }

  #assertState(state: RTCSignalingState): void {
    if (this.signalingState !== state) {
      throw new DOMException(`${this.signalingState} instead of ${state}`, "InvalidStateError");
    }
  }

  #assertOpen(): void {
    if (this.signalingState === "closed") throw new DOMException("closed", "InvalidStateError");
  }
}
