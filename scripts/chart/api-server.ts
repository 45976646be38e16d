import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { FreePorts } from "../free-ports.ts";
import { SupervisedProcess } from "../supervised-process.ts";
import { requireTool } from "../test-tools.ts";
import type { Manifest } from "./render.ts";

const HOST = "127.0.0.1";

/** What a request came to. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: { readonly message?: string; readonly [key: string]: unknown };
}

/** A Kubernetes API server on loopback, with etcd behind it and no controllers: objects are judged and kept, nothing runs. */
export class ApiServer {
  /** For helm and kubectl. */
  readonly kubeconfig: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #token = randomUUID();
  readonly #processes: readonly SupervisedProcess[];
  readonly #resources = new Map<string, Promise<ApiAnswer>>();

  static async start(program: string): Promise<ApiServer> {
    const folder = mkdtempSync(join(tmpdir(), "cation-kubernetes-"));
    const ports = new FreePorts();
    const server = new ApiServer(program, folder, await ports.take(), await ports.take(), await ports.take());
    for (const process of server.#processes) await process.start();
    return server;
  }

  private constructor(program: string, folder: string, port: number, etcdPort: number, peerPort: number) {
    this.#folder = folder;
    this.#port = port;
    this.kubeconfig = join(folder, "kubeconfig");
    const key = join(folder, "service-accounts.key");
    execFileSync(requireTool("openssl", process.env), ["genrsa", "-out", key, "2048"], { stdio: "ignore" });
    writeFileSync(join(folder, "tokens.csv"), `${this.#token},admin,admin,"system:masters"\n`, { mode: 0o600 });
    writeFileSync(this.kubeconfig, JSON.stringify(this.#kubeconfigOf()), { mode: 0o600 });
    const etcdUrl = `http://${HOST}:${etcdPort}`;
    const peerUrl = `http://${HOST}:${peerPort}`;
    const common = { env: {}, onLine: () => undefined, onDied: (name: string, how: string) => warn(name, how) };
    this.#processes = [
      new SupervisedProcess({
        ...common,
        name: "etcd",
        command: requireTool("etcd", process.env),
        args: [
          ...["--data-dir", join(folder, "etcd"), "--listen-client-urls", etcdUrl, "--advertise-client-urls", etcdUrl],
          ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
          ...["--initial-cluster", `default=${peerUrl}`],
        ],
        isReady: async () => (await fetch(`${etcdUrl}/health`)).ok,
      }),
      new SupervisedProcess({
        ...common,
        name: "kube-apiserver",
        command: program,
        args: [
          `--etcd-servers=${etcdUrl}`,
          `--bind-address=${HOST}`,
          `--secure-port=${port}`,
          `--cert-dir=${join(folder, "certificates")}`,
          `--token-auth-file=${join(folder, "tokens.csv")}`,
          "--authorization-mode=RBAC",
          `--service-account-key-file=${key}`,
          `--service-account-signing-key-file=${key}`,
          "--service-account-issuer=https://kubernetes.default.svc",
          "--service-cluster-ip-range=10.0.0.0/16",
          // Pods are only judged: there is no controller that would make their service accounts' secrets.
          "--disable-admission-plugins=ServiceAccount",
        ],
        isReady: async () => (await this.call("GET", "/readyz")).status === 200,
      }),
    ];
  }

  /** Judges a manifest as a strict client would have it judged, without keeping it. Undefined when it is accepted. */
  async judge(manifest: Manifest, namespace: string): Promise<string | undefined> {
    const path = await this.#pathOf(manifest, namespace);
    if (path === undefined) return `${manifest.kind}: the server does not know ${String(manifest["apiVersion"])}`;
    const placed = path.includes("/namespaces/")
      ? { ...manifest, metadata: { ...manifest.metadata, namespace } }
      : manifest;
    const { status, body } = await this.call("POST", `${path}?dryRun=All&fieldValidation=Strict`, placed);
    // There already, from an installation.
    if (status < 300 || status === 409) return undefined;
    return `${manifest.kind} ${manifest.metadata.name}: ${body.message ?? status}`;
  }

  /** Resolves with whatever the server says. */
  call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const options = {
      method,
      host: HOST,
      port: this.#port,
      path,
      // Its certificate is one that it made for itself a moment ago.
      rejectUnauthorized: false,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
    };
    return new Promise((resolve, reject) => {
      const call = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks)) }));
      });
      call.once("error", reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    for (const process of this.#processes.toReversed()) await process.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Where objects of this kind are made, as the server itself lists it. */
  async #pathOf(manifest: Manifest, namespace: string): Promise<string | undefined> {
    const version = String(manifest["apiVersion"]);
    const root = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
    let listing = this.#resources.get(root);
    if (!listing) this.#resources.set(root, (listing = this.call("GET", root)));
    const resources = ((await listing).body["resources"] ?? []) as readonly ApiResource[];
    const resource = resources.find(({ kind, name }) => kind === manifest.kind && !name.includes("/"));
    if (resource === undefined) return undefined;
    return resource.namespaced ? `${root}/namespaces/${namespace}/${resource.name}` : `${root}/${resource.name}`;
  }

  #kubeconfigOf(): object {
    const server = `https://${HOST}:${this.#port}`;
    return {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "here", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "admin", user: { token: this.#token } }],
      contexts: [{ name: "here", context: { cluster: "here", user: "admin" } }],
      "current-context": "here",
    };
  }
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

function parse(bytes: Buffer): ApiAnswer["body"] {
  try {
    return JSON.parse(bytes.toString()) as ApiAnswer["body"];
  } catch {
    return { message: bytes.toString() };
  }
}

function warn(name: string, how: string): void {
  process.stderr.write(`${name} ended by itself: ${how}\n`);
}
