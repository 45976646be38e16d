/** What the server's wrapper must know of a ClientHello before anybody else reads it (RFC 5246 §7.4.1.2). */
export interface DtlsClientHello {
  readonly cookie: Buffer;
  /** SRTP profiles of use_srtp, in the client's order (RFC 5764 §4.1.1); empty without the extension. */
  readonly srtpProfiles: readonly number[];
}

const USE_SRTP = 14;
const VERSION_AND_RANDOM_BYTES = 34;

/** Reads a ClientHello; `undefined` unless every length in it is right. */
export function readClientHello(body: Buffer): DtlsClientHello | undefined {
  const reader = new VectorReader(body, VERSION_AND_RANDOM_BYTES);
  reader.vector(1);
  const cookie = reader.vector(1);
  const cipherSuites = reader.vector(2);
  const compressionMethods = reader.vector(1);
  const extensions = reader.vector(2);
  if (!reader.isExactlyRead || cipherSuites.length % 2 !== 0 || compressionMethods.length === 0) {
    return undefined;
  }
  const srtpProfiles = readUseSrtp(extensions);
  return srtpProfiles === undefined ? undefined : { cookie, srtpProfiles };
}

function readUseSrtp(extensions: Buffer): number[] | undefined {
  const reader = new VectorReader(extensions, 0);
  let profiles: number[] = [];
  while (reader.hasMore) {
    const type = reader.uint16();
    const data = reader.vector(2);
    if (type !== USE_SRTP) continue;
    const inner = new VectorReader(data, 0);
    const list = inner.vector(2);
    inner.vector(1);
    if (!inner.isExactlyRead || list.length % 2 !== 0) return undefined;
    profiles = Array.from({ length: list.length / 2 }, (_, index) => list.readUInt16BE(index * 2));
  }
  return reader.isExactlyRead ? profiles : undefined;
}

/** Reads TLS vectors (RFC 5246 §4.3). Past the end it gives empty ones and `isExactlyRead` turns false. */
class VectorReader {
  readonly #bytes: Buffer;
  #offset: number;

  constructor(bytes: Buffer, offset: number) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  get hasMore(): boolean {
    return this.#offset < this.#bytes.length;
  }

  get isExactlyRead(): boolean {
    return this.#offset === this.#bytes.length;
  }

  uint16(): number {
    return this.#uint(2);
  }

  vector(lengthBytes: 1 | 2): Buffer {
    const length = this.#uint(lengthBytes);
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }

  #uint(size: 1 | 2): number {
    const start = this.#offset;
    this.#offset += size;
    return this.#offset > this.#bytes.length ? 0 : this.#bytes.readUIntBE(start, size);
  }
}
