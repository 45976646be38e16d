/**
 * Runs vue-tsc with this workspace's TypeScript 5: vue-tsc is hoisted to the root, where it would find TypeScript 7,
 * whose compiler has no interface for plugins.
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { run } = require("vue-tsc") as { run: (tscPath: string) => void };
run(require.resolve("typescript/lib/tsc"));
