import { type Ref, type ShallowRef, onScopeDispose, ref, watch } from "vue";

const INTERVAL_MS = 66;
/** Below this a microphone is as good as silent. */
const FLOOR_DB = -60;

/** How loud a microphone is, 0 … 1 in even steps of loudness. */
export function useLevel(track: Readonly<ShallowRef<MediaStreamTrack | undefined>>): Readonly<Ref<number>> {
  const level = ref(0);
  let stop = (): void => undefined;
  watch(
    track,
    (next) => {
      stop();
      level.value = 0;
      stop = next === undefined ? () => undefined : meter(next, (value) => (level.value = value));
    },
    { immediate: true },
  );
  onScopeDispose(() => stop());
  return level;
}

function meter(track: MediaStreamTrack, onLevel: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  // Before the first click on the page a browser may hold it back.
  const resume = (): void => void context.resume().catch(() => undefined);
  addEventListener("pointerdown", resume);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onLevel(loudness(samples));
  }, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    removeEventListener("pointerdown", resume);
    void context.close().catch(() => undefined);
  };
}

function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}
