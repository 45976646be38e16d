/**
 * Makes sure that the programs which `npm test` needs are there. As root on Debian it installs what is missing; otherwise
 * it says which command does, and fails.
 */
import { ensureTools } from "./ensure-tools.ts";
import { thisMachine } from "./machine.ts";
import { TEST_TOOLS } from "./test-tools.ts";

try {
  ensureTools(TEST_TOOLS, thisMachine());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
