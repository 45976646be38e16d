import { parseArgs } from "node:util";
import { ChaosRun } from "./chaos-run.ts";
import { SCENARIOS } from "./scenarios.ts";

const HELP = `npm run chaos -- SCENARIO [options]

  ${Object.keys(SCENARIOS).join(", ")}

  --viewers N   bots that watch, default 30
  --publisher   do it to the publisher's node
  --log         show the processes' log
  --json        only the result, one JSON object

Real processes on loopback: two signal, two islb, three sfu, redis-server, nats-server, one process of bots.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    viewers: { type: "string", default: "30" },
    publisher: { type: "boolean", default: false },
    log: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const name = positionals[0] ?? "";
const scenario = SCENARIOS[name];
if (values.help || !scenario) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 1);
}
const onLine = (who: string, line: string): void => {
  if (values.log) process.stderr.write(`${who} ${line}\n`);
};
const run = await ChaosRun.start({ viewers: Number(values.viewers), onLine });
try {
  const result = await scenario(run, values.publisher);
  process.stdout.write(`${JSON.stringify({ scenario: name, ...result })}\n`);
} finally {
  await run.stop();
}
process.exit(0);
