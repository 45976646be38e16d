import type { RemoteAddress } from "./media-io.ts";

/** From peer address to whatever belongs to it. Two steps, so that no key is built per packet. Addresses are canonical. */
export class RemoteMap<Value> {
  readonly #udp = new Map<string, Map<number, Value>>();
  readonly #tcp = new Map<string, Map<number, Value>>();

  get(protocol: RemoteAddress["protocol"], address: string, port: number): Value | undefined {
    return this.#side(protocol).get(address)?.get(port);
  }

  set(remote: RemoteAddress, value: Value): void {
    const side = this.#side(remote.protocol);
    let ports = side.get(remote.address);
    if (ports === undefined) {
      ports = new Map();
      side.set(remote.address, ports);
    }
    ports.set(remote.port, value);
  }

  delete(remote: RemoteAddress): void {
    const side = this.#side(remote.protocol);
    const ports = side.get(remote.address);
    if (ports === undefined) return;
    ports.delete(remote.port);
    if (ports.size === 0) side.delete(remote.address);
  }

  clear(): void {
    this.#udp.clear();
    this.#tcp.clear();
  }

  #side(protocol: RemoteAddress["protocol"]): Map<string, Map<number, Value>> {
    return protocol === "udp" ? this.#udp : this.#tcp;
  }
}
