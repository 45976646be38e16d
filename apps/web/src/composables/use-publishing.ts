import { CationError, asCationError } from "@cation/client/errors";
import type { TrackSource } from "@cation/client/track-source";
import type { LocalTrack } from "@cation/client/tracks";
import { type Ref, computed, onScopeDispose, ref } from "vue";
import { type Words, errorWords, screenWords } from "../words.ts";
import { type Capture, mediaDevices } from "./use-capture.ts";
import type { RoomView } from "./use-room.ts";

/** What the buttons of the room do with the tracks of one's own. */
export interface Publishing {
  readonly isMicrophoneOn: Readonly<Ref<boolean>>;
  readonly isCameraOn: Readonly<Ref<boolean>>;
  readonly isSharing: Readonly<Ref<boolean>>;
  /** A button's wish is being carried out. */
  readonly isBusy: Readonly<Ref<Readonly<Record<TrackSource, boolean>>>>;
  /** Publishes what the lobby left running. */
  begin(): Promise<void>;
  setMicrophone(on: boolean): Promise<void>;
  setCamera(on: boolean): Promise<void>;
  setSharing(on: boolean): Promise<void>;
  /** Takes another device, at once where it is in use. */
  selectDevice(capture: Capture, deviceId: string): Promise<void>;
}

export interface PublishingOptions {
  readonly view: RoomView;
  readonly camera: Capture;
  readonly microphone: Capture;
  /** Video codec to prefer, for example "video/VP9"; empty for the browser's choice. */
  readonly codec: string;
  /** Send sound with redundancy. */
  readonly redundancy: boolean;
  readonly onProblem: (words: Words) => void;
}

const SCREEN_CONSTRAINTS: DisplayMediaStreamOptions = { video: { frameRate: { ideal: 15, max: 30 } }, audio: true };

export function usePublishing(options: PublishingOptions): Publishing {
  const { view, camera, microphone, codec, redundancy, onProblem } = options;
  const { room } = view;
  const isBusy = ref<Record<TrackSource, boolean>>({
    camera: false,
    microphone: false,
    screen: false,
    "screen-audio": false,
  });

  const trackOf = (source: TrackSource): LocalTrack | undefined => room.localParticipant?.track(source);
  const isOn = (source: TrackSource): Readonly<Ref<boolean>> =>
    computed(() => view.version.value >= 0 && trackOf(source)?.muted === false);

  const stopListening = room.on("localTrackEnded", (track) => {
    if (track.source === "screen") void setSharing(false);
    else if (track.source === "screen-audio") void track.unpublish();
    else if (!track.muted) void deviceLost(track);
  });
  onScopeDispose(stopListening);

  /** Carries a wish out; of the same button one at a time. */
  async function attempt(source: TrackSource, wish: () => Promise<void>): Promise<void> {
    if (isBusy.value[source]) return;
    isBusy.value[source] = true;
    try {
      await wish();
    } catch (thrown) {
      const error = asCationError(thrown, "NEGOTIATION_FAILED", "That did not work.");
      if (error.code !== "LEFT") onProblem(errorWords(error));
    } finally {
      isBusy.value[source] = false;
    }
  }

  async function turnOn(capture: Capture): Promise<void> {
    const mediaTrack = capture.track.value ?? (await capture.start());
    if (mediaTrack === undefined) {
      if (capture.problem.value !== undefined) onProblem(capture.problem.value);
      return;
    }
    const published = trackOf(capture.kind);
    if (published === undefined) {
      await room.publish(mediaTrack, { source: capture.kind, redundancy, ...(codec === "" ? {} : { codec }) });
    } else {
      if (published.mediaTrack !== mediaTrack) await published.replaceMedia(mediaTrack);
      await published.unmute();
    }
  }

  async function setMicrophone(on: boolean): Promise<void> {
    await attempt("microphone", async () => (on ? turnOn(microphone) : await trackOf("microphone")?.mute()));
  }

  async function setCamera(on: boolean): Promise<void> {
    await attempt("camera", async () => {
      if (on) return turnOn(camera);
      const published = trackOf("camera");
      // The light goes out before anything else happens.
      camera.stop();
      await published?.mute();
      await published?.replaceMedia(null);
    });
  }

  async function share(): Promise<void> {
    const stream = await mediaDevices().getDisplayMedia(SCREEN_CONSTRAINTS);
    try {
      const [picture] = stream.getVideoTracks();
      const [sound] = stream.getAudioTracks();
      await Promise.all([
        picture && room.publish(picture, { source: "screen" }),
        sound && room.publish(sound, { source: "screen-audio" }),
      ]);
    } catch (thrown) {
      for (const track of stream.getTracks()) track.stop();
      throw thrown;
    }
  }

  async function setSharing(on: boolean): Promise<void> {
    await attempt("screen", async () => {
      if (on) {
        try {
          await share();
        } catch (thrown) {
          if (thrown instanceof CationError) throw thrown;
          const words = screenWords(thrown);
          if (words !== undefined) onProblem(words);
        }
        return;
      }
      for (const track of [trackOf("screen"), trackOf("screen-audio")]) {
        track?.mediaTrack?.stop();
        await track?.unpublish();
      }
    });
  }

  async function deviceLost(track: LocalTrack): Promise<void> {
    onProblem({
      title: `The ${track.source} stopped.`,
      advice: "It was unplugged, or the browser took it away. Choose another one, or turn it on again.",
    });
    await attempt(track.source, async () => {
      await track.mute();
      await track.replaceMedia(null);
    });
  }

  return {
    isMicrophoneOn: isOn("microphone"),
    isCameraOn: isOn("camera"),
    isSharing: isOn("screen"),
    isBusy,
    setMicrophone,
    setCamera,
    setSharing,
    async begin() {
      await Promise.all([microphone.track.value && setMicrophone(true), camera.track.value && setCamera(true)]);
    },
    async selectDevice(capture, deviceId) {
      await attempt(capture.kind, async () => {
        const wasOn = trackOf(capture.kind)?.muted === false;
        const mediaTrack = await capture.select(deviceId);
        if (wasOn) await turnOn(capture);
        else if (mediaTrack !== undefined) await trackOf(capture.kind)?.replaceMedia(mediaTrack);
      });
    },
  };
}
