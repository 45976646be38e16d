/** Names that the engine uses for what it holds. Branded, so that one cannot be passed for another. */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Number of a transport, given by the I/O backend; index in the low 16 bits, generation above. Never 0. */
export type TransportHandle = Branded<number, "TransportHandle">;
/** Id of a published track, valid in the whole cluster. */
export type TrackId = Branded<string, "TrackId">;
