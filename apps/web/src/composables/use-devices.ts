import { type ShallowRef, onScopeDispose, shallowRef } from "vue";

export interface DeviceOption {
  readonly deviceId: string;
  readonly label: string;
}

export interface Devices {
  readonly cameras: Readonly<ShallowRef<readonly DeviceOption[]>>;
  readonly microphones: Readonly<ShallowRef<readonly DeviceOption[]>>;
  /** Reads them again: names are known only once a device may be used. */
  refresh(): Promise<void>;
}

/** The cameras and microphones of the machine, kept up to date. */
export function useDevices(): Devices {
  const cameras = shallowRef<readonly DeviceOption[]>([]);
  const microphones = shallowRef<readonly DeviceOption[]>([]);
  const devices = navigator.mediaDevices as MediaDevices | undefined;

  async function refresh(): Promise<void> {
    const all = (await devices?.enumerateDevices().catch(() => [])) ?? [];
    cameras.value = optionsOf(all, "videoinput", "Camera");
    microphones.value = optionsOf(all, "audioinput", "Microphone");
  }

  const onChange = (): void => void refresh();
  devices?.addEventListener("devicechange", onChange);
  onScopeDispose(() => devices?.removeEventListener("devicechange", onChange));
  return { cameras, microphones, refresh };
}

function optionsOf(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind, word: string): DeviceOption[] {
  return all
    .filter((device) => device.kind === kind && device.deviceId !== "")
    .map((device, index) => ({ deviceId: device.deviceId, label: device.label || `${word} ${index + 1}` }));
}
