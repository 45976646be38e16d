import type { PublishOptions } from "./publish-options.ts";

/** Bots to make. */
export interface BotsOrder {
  readonly count: number;
  readonly room: string;
  /** Identities are this, the name of the process, and the bot's number. */
  readonly identity: string;
  /** Signal nodes; bots begin with one after the other. */
  readonly urls: readonly string[];
  /** Of all of them, in order; where there are fewer than bots, signal mints the rest in development mode. */
  readonly tokens?: readonly string[];
  readonly region?: string;
  readonly nodeId?: string;
  readonly publish?: PublishOptions;
  /** Pictures that each subscribes to, and every voice. Default: everything, unasked. */
  readonly tiles?: number;
  /** A name for these bots in samples and removals. */
  readonly group?: string;
  /** Time over which the joins are spread evenly. */
  readonly spreadMs?: number;
}

/** Which bots. Nothing given: all. */
export interface BotsChoice {
  readonly ids?: readonly number[];
  readonly group?: string;
  /** The oldest so many. */
  readonly count?: number;
}
