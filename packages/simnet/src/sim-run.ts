import { randomInt } from "node:crypto";
import { env } from "node:process";

/**
 * Seeds for a simulation: some that never change, and fresh ones, which the test's name prints, so that a failure can be
 * repeated. SIM_FRESH=n runs n times as many fresh ones.
 */
export function seedsFor(fixed: readonly number[], fresh: number): number[] {
  const count = fresh * Math.max(1, Number(env["SIM_FRESH"] ?? 1));
  return [...fixed, ...Array.from({ length: count }, () => randomInt(0x1_0000_0000 - 1))];
}

/** Runs one seed; a failure says which. */
export function withSeed(seed: number, run: (seed: number) => void): void {
  try {
    run(seed);
  } catch (cause) {
    throw new Error(`simulation failed with seed ${seed}`, { cause });
  }
}
