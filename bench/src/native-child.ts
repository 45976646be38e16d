/** Child process: runs one blocking function of the bench's addon. argv: addon, function, options as JSON. */
import { createRequire } from "node:module";

const [addon, name, options] = process.argv.slice(2) as [string, string, string];
const functions = createRequire(import.meta.url)(addon) as Record<string, (options: object) => object>;
const run = functions[name];
if (run === undefined) throw new Error(`The addon has no function ${name}.`);
process.stdout.write(`${JSON.stringify(run(JSON.parse(options)))}\n`);
