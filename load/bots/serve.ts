import { parseArgs } from "node:util";
import { createBotControl } from "./bot-control.ts";
import { apiKeyMinter } from "./api-key-minter.ts";
import { BotFleet } from "./bot-fleet.ts";
import { createBotShared } from "./bot-shared.ts";
import { ProcessHealthWatch } from "./process-health-watch.ts";

const HELP = `A process of bots with an HTTP control (docs/load.md).

  node load/bots/serve.ts --port 9100

  --host   address of the control, default 127.0.0.1: it has no authentication
  --port   default 9100; 0 takes a free one
  --name   put into the bots' identities, so that those of several processes differ; default: the process id

CATION_LOAD_API_KEY ("key:secret") makes tokens for a signal in production mode.

Its first line is JSON: {url, dtls}. SIGTERM and SIGINT end it.
`;

function readApiKey(): string | undefined {
  return process.env.CATION_LOAD_API_KEY;
}

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "9100" },
    name: { type: "string", default: String(process.pid) },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
} else {
  const shared = createBotShared();
  const apiKey = readApiKey();
  const fleet = new BotFleet(shared, {
    name: values.name,
    ...(apiKey === undefined ? {} : { mintToken: apiKeyMinter(apiKey, shared.clock) }),
  });
  const health = new ProcessHealthWatch();
  const control = createBotControl(fleet, health);
  const url = await control.listen({ host: values.host, port: Number(values.port) });
  process.stdout.write(`${JSON.stringify({ url, dtls: shared.dtls.backend })}\n`);
  const stop = (): void => {
    health.close();
    void Promise.allSettled([control.close(), fleet.close()]).then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}
