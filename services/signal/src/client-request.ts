import type { ClientMessage } from "@cation/proto/client/v1/client";

/** A request of the client protocol, never absent. */
export type ClientRequest = NonNullable<ClientMessage["request"]>;
/** "join", "publisherOffer" … */
export type RequestKind = ClientRequest["$case"];
/** The request of one kind. */
export type RequestOf<K extends RequestKind> = Extract<ClientRequest, { $case: K }>["value"];
