/** Encodes and decodes one protobuf message type. ts-proto's generated message objects have this shape. */
export interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

/** One method of a service, as ts-proto's `generic-definitions` describe it. */
export interface MethodDefinition {
  readonly name: string;
  readonly requestType: MessageType<unknown>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<unknown>;
  readonly responseStream: boolean;
}

/** A service: the generated `XServiceDefinition` objects. Keys of `methods` are the names in the generated interface. */
export interface ServiceDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

/** Methods of a service that stream in both directions. */
export type StreamMethodKey<D extends ServiceDefinition> = {
  [K in keyof D["methods"]]: D["methods"][K] extends { requestStream: true; responseStream: true } ? K : never;
}[keyof D["methods"]] &
  string;

/** What a method takes. */
export type RequestOf<D extends ServiceDefinition, K extends keyof D["methods"]> = ReturnType<
  D["methods"][K]["requestType"]["decode"]
>;

/** What a method gives. */
export type ResponseOf<D extends ServiceDefinition, K extends keyof D["methods"]> = ReturnType<
  D["methods"][K]["responseType"]["decode"]
>;

/** The HTTP/2 path of a method (gRPC over HTTP/2, "Path"). */
export function methodPath(definition: ServiceDefinition, method: MethodDefinition): string {
  return `/${definition.fullName}/${method.name}`;
}
