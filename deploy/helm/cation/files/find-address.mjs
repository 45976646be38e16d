/**
 * Finds the address at which clients reach this node's media, and writes it to a file:
 *
 *   node find-address.mjs nodeExternalIp|nodeAnnotation|stun FILE
 *
 * The first two read the Node object (NODE_NAME, and NODE_ANNOTATION) from the API server, with the token mounted for it;
 * stun asks STUN_SERVER (host:port) for the address that it sees (RFC 8489). Ends with a status other than 0 where there
 * is none, so that Kubernetes tries again and nobody is told a wrong one.
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import process, { argv, env } from "node:process";

const TOKEN_FILE = env.TOKEN_FILE ?? "/var/run/secrets/kubernetes.io/serviceaccount/token";
const MAGIC_COOKIE = 0x2112a442;
const ATTEMPTS = 5;

async function readNode() {
  const base = env.API_SERVER ?? `https://kubernetes.default.svc`;
  const response = await fetch(`${base}/api/v1/nodes/${env.NODE_NAME}`, {
    headers: { authorization: `Bearer ${readFileSync(TOKEN_FILE, "utf8").trim()}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`the API server answered ${response.status} for node ${env.NODE_NAME}`);
  return await response.json();
}

async function fromExternalIp() {
  const { status } = await readNode();
  const found = (status?.addresses ?? []).filter(({ type }) => type === "ExternalIP").map(({ address }) => address);
  if (found.length === 0) throw new Error(`node ${env.NODE_NAME} has no ExternalIP`);
  return found;
}

async function fromAnnotation() {
  const { metadata } = await readNode();
  const text = metadata?.annotations?.[env.NODE_ANNOTATION] ?? "";
  const found = text.split(/[,\s]+/).filter((part) => part !== "");
  if (found.length === 0) throw new Error(`node ${env.NODE_NAME} has no annotation ${env.NODE_ANNOTATION}`);
  return found;
}

/** The XOR-MAPPED-ADDRESS (IPv4) of a binding success response; undefined where it is none of ours. */
function readMappedAddress(message, transactionId) {
  if (message.length < 20 || message.readUInt16BE(0) !== 0x0101) return undefined;
  if (message.readUInt32BE(4) !== MAGIC_COOKIE || !message.subarray(8, 20).equals(transactionId)) return undefined;
  for (let at = 20; at + 4 <= message.length;) {
    const type = message.readUInt16BE(at);
    const length = message.readUInt16BE(at + 2);
    if (type === 0x0020 && length >= 8 && at + 12 <= message.length && message[at + 5] === 1) {
      const word = (message.readUInt32BE(at + 8) ^ MAGIC_COOKIE) >>> 0;
      return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join(".");
    }
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return undefined;
}

async function fromStun() {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(env.STUN_SERVER ?? "") ?? [];
  if (host === undefined) throw new Error(`STUN_SERVER is ${env.STUN_SERVER}: must be host:port`);
  const { address } = await lookup(host, 4);
  const transactionId = randomBytes(12);
  const request = Buffer.alloc(20);
  request.writeUInt16BE(0x0001, 0);
  request.writeUInt32BE(MAGIC_COOKIE, 4);
  transactionId.copy(request, 8);
  const socket = createSocket("udp4");
  try {
    return await new Promise((resolve, reject) => {
      let left = ATTEMPTS;
      const send = () => {
        if (left-- === 0) reject(new Error(`${env.STUN_SERVER} does not answer`));
        else socket.send(request, Number(port), address);
      };
      socket.on("error", reject);
      socket.on("message", (message) => {
        const mapped = readMappedAddress(message, transactionId);
        if (mapped !== undefined) resolve([mapped]);
      });
      const timer = setInterval(send, 500);
      socket.on("close", () => clearInterval(timer));
      send();
    });
  } finally {
    socket.close();
  }
}

const SOURCES = { nodeExternalIp: fromExternalIp, nodeAnnotation: fromAnnotation, stun: fromStun };

try {
  const [, , source, file] = argv;
  const addresses = await SOURCES[source]();
  const wrong = addresses.find((address) => isIP(address) === 0);
  if (wrong !== undefined) throw new Error(`${wrong} is not a numeric address`);
  writeFileSync(file, addresses.join(","));
  console.log(`${source}: ${addresses.join(",")}`);
} catch (error) {
  console.error(`The announced address cannot be found: ${error.message}`);
  process.exitCode = 1;
}
