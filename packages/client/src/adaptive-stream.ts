import type { SubscriptionWish } from "./tracks.ts";

/** A new size is told when it has been the same for so long: windows are dragged. */
const SETTLE_MS = 200;
/** Sizes are told in steps of so many pixels: a tile that grows by two is no news. */
const STEP_PIXELS = 16;

/** What the page is asked of its elements; tests bring their own. */
export interface ElementWatcher {
  /** Calls back with the size in pixels of the screen, 0 × 0 while the element cannot be seen, until the returned function is called. */
  watch(element: Element, callback: (width: number, height: number) => void): () => void;
}

interface Shown {
  readonly sizes: Map<object, { readonly width: number; readonly height: number }>;
  stopTimer: (() => void) | undefined;
  told: string;
}

export interface AdaptiveStreamOptions {
  readonly watcher: ElementWatcher;
  readonly setTimer: (callback: () => void, delayMs: number) => () => void;
  readonly wish: (trackId: string, wish: SubscriptionWish) => void;
}

/**
 * Asks of each picture for what its elements show: the size of the largest of them, and nothing while none can be seen. A
 * track that was never shown in an observed element is left as it is.
 */
export class AdaptiveStream {
  readonly #options: AdaptiveStreamOptions;
  readonly #shown = new Map<string, Shown>();

  constructor(options: AdaptiveStreamOptions) {
    this.#options = options;
  }

  /** The element shows the track until the returned function is called. */
  observe(trackId: string, element: Element): () => void {
    const shown = this.#shown.get(trackId) ?? { sizes: new Map(), stopTimer: undefined, told: "" };
    this.#shown.set(trackId, shown);
    const key = {};
    shown.sizes.set(key, { width: 0, height: 0 });
    const unwatch = this.#options.watcher.watch(element, (width, height) => {
      shown.sizes.set(key, { width: roundUp(width), height: roundUp(height) });
      this.#schedule(trackId, shown);
    });
    return () => {
      unwatch();
      if (!shown.sizes.delete(key)) return;
      this.#schedule(trackId, shown);
    };
  }

  /** The track is gone. */
  forget(trackId: string): void {
    const shown = this.#shown.get(trackId);
    this.#shown.delete(trackId);
    shown?.stopTimer?.();
    shown?.sizes.clear();
  }

  close(): void {
    for (const trackId of [...this.#shown.keys()]) this.forget(trackId);
  }

  #schedule(trackId: string, shown: Shown): void {
    if (this.#shown.get(trackId) !== shown) return;
    shown.stopTimer?.();
    shown.stopTimer = this.#options.setTimer(() => {
      shown.stopTimer = undefined;
      this.#tell(trackId, shown);
    }, SETTLE_MS);
  }

  #tell(trackId: string, shown: Shown): void {
    let width = 0;
    let height = 0;
    for (const size of shown.sizes.values()) {
      if (size.width * size.height > width * height) ({ width, height } = size);
    }
    const told = `${width}×${height}`;
    if (told === shown.told) return;
    shown.told = told;
    // The size that was shown last is kept: it is what will be wanted again.
    this.#options.wish(trackId, width * height === 0 ? { paused: true } : { paused: false, width, height });
  }
}

function roundUp(pixels: number): number {
  return Math.ceil(pixels / STEP_PIXELS) * STEP_PIXELS;
}

/** Watches elements of a web page: their size, whether they are scrolled into view, whether the page is shown. */
export function browserElementWatcher(): ElementWatcher {
  return {
    watch(element, callback) {
      let isVisible = true;
      let size = { width: 0, height: 0 };
      const tell = (): void => {
        const isShown = isVisible && !document.hidden;
        callback(isShown ? size.width : 0, isShown ? size.height : 0);
      };
      const sizes = new ResizeObserver(([entry]) => {
        if (entry === undefined) return;
        const { width, height } = entry.contentRect;
        size = { width: width * devicePixelRatio, height: height * devicePixelRatio };
        tell();
      });
      const views = new IntersectionObserver(([entry]) => {
        if (entry === undefined) return;
        isVisible = entry.isIntersecting;
        tell();
      });
      sizes.observe(element);
      views.observe(element);
      document.addEventListener("visibilitychange", tell);
      return () => {
        sizes.disconnect();
        views.disconnect();
        document.removeEventListener("visibilitychange", tell);
      };
    },
  };
}
