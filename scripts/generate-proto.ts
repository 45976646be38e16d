/** Regenerates packages/proto/src/gen from proto/. `--check` fails when the result differs from what is committed. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const committed = join(root, "packages/proto/src/gen");
const check = process.argv.includes("--check");
const out = check ? mkdtempSync(join(tmpdir(), "cation-proto-")) : committed;

rmSync(out, { recursive: true, force: true });
const template = {
  version: "v2",
  plugins: [
    {
      local: join(root, "node_modules/.bin/protoc-gen-ts_proto"),
      out,
      opt: [
        "esModuleInterop=true",
        "importSuffix=.ts",
        "enumsAsLiterals=true",
        "oneof=unions-value",
        "forceLong=number",
        "env=node",
        "useExactTypes=false",
        "useAsyncIterable=true",
        "lowerCaseServiceMethods=true",
        "outputServices=default",
        "outputServices=generic-definitions",
        "removeEnumPrefix=true",
        "unrecognizedEnum=false",
        "outputClientImpl=false",
        "useDate=false",
      ],
    },
  ],
};
execFileSync(join(root, "node_modules/.bin/buf"), ["generate", "proto", "--template", JSON.stringify(template)], {
  cwd: root,
  stdio: "inherit",
});
if (check) {
  try {
    execFileSync("diff", ["-r", committed, out], { stdio: "inherit" });
    console.log("packages/proto/src/gen is what proto/ says.");
  } catch {
    console.error("packages/proto/src/gen differs from proto/. Run `npm run generate` and commit the result.");
    process.exitCode = 1;
  }
  rmSync(out, { recursive: true, force: true });
}
