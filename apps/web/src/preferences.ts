/** What the lobby remembers for the next visit. */
export interface Preferences {
  readonly name: string;
  readonly cameraId: string;
  readonly microphoneId: string;
  readonly quality: string;
}

const KEY = "cation.preferences";
const NONE: Preferences = { name: "", cameraId: "", microphoneId: "", quality: "" };

/** What was remembered; nothing where the browser keeps nothing (private windows). */
export function loadPreferences(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof stored === "object" && stored !== null ? { ...NONE, ...stored } : NONE;
  } catch {
    return NONE;
  }
}

export function savePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Then they are asked again next time.
  }
}
