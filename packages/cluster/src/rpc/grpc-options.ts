import { credentials, ServerCredentials } from "@grpc/grpc-js";
import type { ChannelCredentials, ChannelOptions } from "@grpc/grpc-js";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./duplex.ts";

/** Keys of one side of a mutual TLS connection, PEM. */
export interface GrpcTls {
  /** Who may have signed the peer's certificate. */
  readonly ca: string | Buffer;
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Name in the server's certificate, where it is not the host that is connected to. */
  readonly serverName?: string;
}

/** What both sides of a connection share. */
export interface GrpcOptions {
  /** Without it, plain text. */
  readonly tls?: GrpcTls;
  readonly maxMessageBytes?: number;
  /** How often an idle connection is probed. */
  readonly keepaliveIntervalMs?: number;
  /** A probe that is not answered for so long ends the connection and its calls. */
  readonly keepaliveTimeoutMs?: number;
  /**
   * How many bytes of a stream may be on their way (HTTP/2 flow control). What a link carries is this much a round trip:
   * 1 MiB at 40 ms is 200 Mb/s.
   */
  readonly flowControlWindowBytes?: number;
}

/** Options of grpc-js that clients and servers take alike. */
export function toChannelOptions(options: GrpcOptions): ChannelOptions {
  const maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  return {
    "grpc.max_receive_message_length": maxBytes,
    "grpc.max_send_message_length": maxBytes,
    "grpc.keepalive_time_ms": options.keepaliveIntervalMs ?? 5_000,
    "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs ?? 3_000,
    "grpc-node.flow_control_window": options.flowControlWindowBytes ?? 1024 * 1024,
  };
}

export function toClientCredentials(tls: GrpcTls | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert));
}

/** Server credentials. With TLS, a client without a certificate of the same authority is refused. */
export function toServerCredentials(tls: GrpcTls | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) };
  return ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
}
