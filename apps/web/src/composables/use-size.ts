import { type Ref, type ShallowRef, onScopeDispose, ref, watch } from "vue";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Inner size of an element, kept up to date. */
export function useSize(element: Readonly<ShallowRef<HTMLElement | null>>): Readonly<Ref<Size>> {
  const size = ref<Size>({ width: 0, height: 0 });
  const observer = new ResizeObserver(([entry]) => {
    if (entry !== undefined) size.value = { width: entry.contentRect.width, height: entry.contentRect.height };
  });
  watch(element, (next, previous) => {
    if (previous) observer.unobserve(previous);
    if (next) observer.observe(next);
  });
  onScopeDispose(() => observer.disconnect());
  return size;
}
