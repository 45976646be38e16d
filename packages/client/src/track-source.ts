import { TrackSource as WireSource } from "@cation/proto/common/v1/common";

/** Where a track comes from; what a token may publish is said in these words. */
export type TrackSource = "camera" | "microphone" | "screen" | "screen-audio";

const TO_WIRE: Readonly<Record<TrackSource, WireSource>> = {
  camera: WireSource.CAMERA,
  microphone: WireSource.MICROPHONE,
  screen: WireSource.SCREEN,
  "screen-audio": WireSource.SCREEN_AUDIO,
};

export function sourceToWire(source: TrackSource): WireSource {
  return TO_WIRE[source];
}

/** A source that a newer server made up is shown as what it most resembles. */
export function sourceFromWire(source: WireSource, kind: "audio" | "video"): TrackSource {
  for (const [name, value] of Object.entries(TO_WIRE)) {
    if (value === source) return name as TrackSource;
  }
  return kind === "audio" ? "microphone" : "camera";
}
