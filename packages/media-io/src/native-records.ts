/**
 * What only native code and native-media-io.ts exchange: a STUN or DTLS datagram, and where it lies in the scratch memory.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0  | u32 | transport handle, 0 for a stranger |
 * | 4  | u32 | offset in the scratch memory |
 * | 8  | u32 | length |
 * | 12 | u16 | port |
 * | 14 | u8  | family of the address: 4 or 6 |
 * | 16 | u32 | scope id of a link-local address |
 * | 24 | f64 | arrival, MonoUs |
 * | 32 | 16 bytes | address; IPv4 in the last four |
 */
export const DATAGRAM_RECORD_BYTES = 48;
/** Where the address stands in a datagram record. */
export const DATAGRAM_ADDRESS_OFFSET = 32;

/** Datagrams of one wake-up; room that each array for received things must have. */
export const NATIVE_BATCH = 64;
/** Longest run of UDP GSO; entry `n` of the histogram counts messages of `n` packets. */
export const NATIVE_MAX_RUN = 64;
/** Numbers that `counters` fills: received packets and bytes, drops by reason, sent packets and bytes, outcomes. */
export const NATIVE_COUNTERS = 2 + 11 + 2 + 5;
