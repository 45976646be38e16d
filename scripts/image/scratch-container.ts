import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ServiceCommand } from "../local-cluster.ts";
import { findTool } from "../test-tools.ts";

/** What the image has beside Node and the repository: the entrypoint's shell and what it calls. */
const PROGRAMS = ["/bin/sh", "/usr/bin/dirname", "/usr/bin/cut", "/bin/hostname"];
const USER = "10001:10001";

/**
 * A container that is FROM scratch but for what the services need, made by buildah and run by runc: no image can be
 * pulled on a machine without a network, but the steps of the Dockerfile's last stage can be performed all the same.
 */
export class ScratchContainer {
  readonly #name: string;

  /** False where buildah or runc is missing: the plain folder is checked then, and that alone. */
  static get isPossible(): boolean {
    const isThere = (program: string): boolean =>
      findTool({ program, debianPackage: program, brewFormula: "", versionArguments: [], usedFor: "" }, process.env) !==
      undefined;
    return process.getuid?.() === 0 && isThere("buildah") && isThere("runc");
  }

  /** @param app folder that is to be /app, @param node the node to run it with */
  static create(app: string, node: string): ScratchContainer {
    const root = mkdtempSync(join(tmpdir(), "cation-root-"));
    try {
      for (const program of PROGRAMS) copyProgram(program, program, root);
      copyProgram(node, "/usr/local/bin/node", root);
      mkdirSync(join(root, "etc"), { recursive: true });
      writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/:/bin/sh\ncation:x:10001:10001::/:/bin/sh\n");
      mkdirSync(join(root, "tmp"), { mode: 0o1777 });
      const name = buildah("from", "scratch");
      buildah("copy", name, root, "/");
      buildah("copy", name, app, "/app");
      return new ScratchContainer(name);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  private constructor(name: string) {
    this.#name = name;
  }

  /** Runs the image's entrypoint in it: on the host's network, as the image's user. */
  get command(): ServiceCommand {
    return (kind, env) => [
      ...["buildah", "run", "--isolation", "oci", "--runtime", "runc", "--network", "host", "--user", USER],
      ...["--workingdir", "/app", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", "--env", "NODE_ENV=production"],
      ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
      ...[this.#name, "--", "/bin/sh", "/app/deploy/images/entrypoint.sh", kind],
    ];
  }

  remove(): void {
    buildah("rm", this.#name);
  }
}

function buildah(...args: string[]): string {
  return execFileSync("buildah", args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

/** A program with the libraries that it is linked to, each where the loader looks for it. */
function copyProgram(source: string, target: string, root: string): void {
  copy(realpathSync(source), join(root, target));
  const linked = execFileSync("ldd", [realpathSync(source)], { encoding: "utf8" });
  for (const [, path = ""] of linked.matchAll(/(\/\S+) \(0x/g)) {
    const place = join(root, path);
    if (!existsSync(place)) copy(realpathSync(path), place);
  }
}

function copy(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target);
}
