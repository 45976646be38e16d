import { type Ref, type ShallowRef, onScopeDispose, ref, shallowRef } from "vue";
import { type Words, deviceWords } from "../words.ts";

export type CaptureKind = "camera" | "microphone";

/** A camera or microphone: what it captures now, and why not. */
export interface Capture {
  readonly kind: CaptureKind;
  /** What is captured; undefined while the device is let go. */
  readonly track: Readonly<ShallowRef<MediaStreamTrack | undefined>>;
  readonly problem: Readonly<Ref<Words | undefined>>;
  /** The browser is asking, or the device is starting. */
  readonly isStarting: Readonly<Ref<boolean>>;
  /** Chosen device; empty for the browser's choice. */
  readonly deviceId: Readonly<Ref<string>>;
  /** Starts the device. Resolves to undefined where it cannot be had; `problem` says why. */
  start(): Promise<MediaStreamTrack | undefined>;
  /** Lets the device go: its light goes out. */
  stop(): void;
  /** Takes another device from now on, at once if this one is running. */
  select(deviceId: string): Promise<MediaStreamTrack | undefined>;
  /** Takes over what was captured together with another kind. */
  adopt(track: MediaStreamTrack): void;
}

/** `constraints` are asked for at each start. */
export function useCapture(
  kind: CaptureKind,
  initialDeviceId: string,
  constraints: () => MediaTrackConstraints,
): Capture {
  const track = shallowRef<MediaStreamTrack>();
  const problem = ref<Words>();
  const isStarting = ref(false);
  const deviceId = ref(initialDeviceId);

  function stop(): void {
    track.value?.stop();
    track.value = undefined;
  }

  function adopt(next: MediaStreamTrack): void {
    if (next !== track.value) stop();
    track.value = next;
    problem.value = undefined;
    // Unplugged, or its permission taken back.
    next.addEventListener("ended", () => {
      if (track.value === next) track.value = undefined;
    });
  }

  async function start(): Promise<MediaStreamTrack | undefined> {
    isStarting.value = true;
    try {
      adopt(await captureOne(kind, withDevice(constraints(), deviceId.value)));
      return track.value;
    } catch (thrown) {
      problem.value = deviceWords(kind, thrown);
      return undefined;
    } finally {
      isStarting.value = false;
    }
  }

  async function select(next: string): Promise<MediaStreamTrack | undefined> {
    deviceId.value = next;
    if (track.value === undefined && problem.value === undefined) return undefined;
    // Some cameras cannot be opened twice.
    stop();
    return start();
  }

  onScopeDispose(stop);
  return { kind, track, problem, isStarting, deviceId, start, stop, select, adopt };
}

/** Starts both with one question of the browser; where that fails, each alone, so that one may work without the other. */
export async function startBoth(
  camera: Capture,
  microphone: Capture,
  videoConstraints: MediaTrackConstraints,
  audioConstraints: MediaTrackConstraints,
): Promise<void> {
  try {
    const stream = await mediaDevices().getUserMedia({
      video: withDevice(videoConstraints, camera.deviceId.value),
      audio: withDevice(audioConstraints, microphone.deviceId.value),
    });
    camera.adopt(stream.getVideoTracks()[0]!);
    microphone.adopt(stream.getAudioTracks()[0]!);
  } catch {
    await camera.start();
    await microphone.start();
  }
}

async function captureOne(kind: CaptureKind, constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  const stream = await mediaDevices().getUserMedia(kind === "camera" ? { video: constraints } : { audio: constraints });
  return stream.getTracks()[0]!;
}

/** Pages that did not come by https:// or from localhost have none. */
export function mediaDevices(): MediaDevices {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices !== undefined) return devices;
  throw new DOMException("The page is not in a secure context.", "InsecureContextError");
}

/** A device that is gone since is no reason to fail: then the browser chooses. */
function withDevice(constraints: MediaTrackConstraints, deviceId: string): MediaTrackConstraints {
  return deviceId === "" ? constraints : { ...constraints, deviceId: { ideal: deviceId } };
}
