/** How large the picture is that is sent. */
export interface Quality {
  readonly id: string;
  readonly label: string;
  readonly width: number;
  readonly height: number;
}

export const QUALITIES: readonly Quality[] = [
  { id: "1080p", label: "Very high (1080p)", width: 1920, height: 1080 },
  { id: "720p", label: "High (720p)", width: 1280, height: 720 },
  { id: "360p", label: "Normal (360p)", width: 640, height: 360 },
  { id: "180p", label: "Low, saves data (180p)", width: 320, height: 180 },
];
const DEFAULT_QUALITY_ID = "720p";

/** The first of `ids` that is one, or the default. */
export function chooseQuality(...ids: readonly string[]): Quality {
  const wanted = [...ids, DEFAULT_QUALITY_ID];
  const found = wanted.map((id) => QUALITIES.find((quality) => quality.id === id)).find((quality) => quality);
  return found ?? QUALITIES[0]!;
}

/** What a camera is asked for. */
export function videoConstraints(quality: Quality): MediaTrackConstraints {
  return { width: { ideal: quality.width }, height: { ideal: quality.height }, frameRate: { ideal: 30, max: 30 } };
}

/** What a microphone is asked for. */
export const AUDIO_CONSTRAINTS: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};
