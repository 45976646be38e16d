import { onBeforeUnmount, ref, shallowRef } from "vue";
import type { Ref, ShallowRef } from "vue";
import { AdminError } from "./admin-client.ts";

const INTERVAL_MS = 2_000;

export interface Polling<T> {
  /** What was read last; undefined before that. */
  readonly value: ShallowRef<T | undefined>;
  /** Why the last attempt failed; undefined when it did not. */
  readonly error: ShallowRef<AdminError | undefined>;
  readonly isFirst: Ref<boolean>;
  /** Reads now, and goes on from there. */
  refresh(): Promise<void>;
}

/** Reads something again and again while the component lives and the page is looked at. */
export function usePolling<T>(read: () => Promise<T>, onRefused: () => void): Polling<T> {
  const value = shallowRef<T>();
  const error = shallowRef<AdminError>();
  const isFirst = ref(true);
  let timer: number | undefined;
  let stopped = false;

  async function refresh(): Promise<void> {
    window.clearTimeout(timer);
    try {
      value.value = await read();
      error.value = undefined;
    } catch (thrown) {
      error.value = thrown instanceof AdminError ? thrown : new AdminError("INTERNAL", String(thrown));
      if (error.value.isRefusal) onRefused();
    }
    isFirst.value = false;
    if (!stopped && !document.hidden) timer = window.setTimeout(() => void refresh(), INTERVAL_MS);
  }

  function onVisibility(): void {
    if (!document.hidden) void refresh();
  }

  document.addEventListener("visibilitychange", onVisibility);
  onBeforeUnmount(() => {
    stopped = true;
    window.clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisibility);
  });
  void refresh();
  return { value, error, isFirst, refresh };
}
