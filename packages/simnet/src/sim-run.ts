import { randomInt } from "node:crypto";

/** Seeds for a simulation: some that never change, and fresh ones (printed by `withSeed`, so that a failure can be repeated). */
export function seedsFor(fixed: readonly number[], fresh: number): number[] {
  return [...fixed, ...Array.from({ length: fresh }, () => randomInt(0x1_0000_0000 - 1))];
}

/** Runs one seed; a failure says which. */
export function withSeed(seed: number, run: (seed: number) => void): void {
  try {
    run(seed);
  } catch (cause) {
    throw new Error(`simulation failed with seed ${seed}`, { cause });
  }
}
