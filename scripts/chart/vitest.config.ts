import { defineConfig } from "vitest/config";

/** Tests of the rendered chart: they need helm, which only `npm run check:chart` brings. */
export default defineConfig({
  test: { include: ["scripts/chart/**/*.spec.ts"], testTimeout: 60_000, root: `${import.meta.dirname}/../..` },
});
