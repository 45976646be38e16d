/** A subscription to a subject, or to something that happens. */
export interface Subscription {
  /** No call comes after it. Idempotent. */
  unsubscribe(): void;
}

/** Called with what was published. Exceptions are counted and go no further. */
export type EventHandler = (payload: Uint8Array, subject: string) => void;

/** Told that events may have been missed: whoever depends on them reads the state again. */
export type ReconnectHandler = () => void;

/** What a bus did since it was made. */
export interface EventBusStats {
  /** Handed to the bus and sent. */
  readonly published: number;
  /** Not sent: the bus was away, closed or full, or the payload too large. */
  readonly publishesDropped: number;
  /** Handed to handlers. */
  readonly delivered: number;
  /** Received but not handed to a handler, because too many waited. */
  readonly deliveriesDropped: number;
  /** Handlers that threw. */
  readonly handlerErrors: number;
}

/**
 * Events between services, at most once: whatever is lost stays lost, and receivers notice by the numbers in the events.
 *
 * Subjects are tokens separated by dots, taken literally (no wildcards); use encodeToken for what comes from outside.
 * Events of one publisher on one subject arrive in order. Delivery is never synchronous with `publish`, and a publisher
 * hears its own events.
 */
export interface EventBus {
  /** Never throws and never waits; what cannot be sent is dropped and counted. The payload is copied. */
  publish(subject: string, payload: Uint8Array): void;
  subscribe(subject: string, handler: EventHandler): Subscription;
  /** Called each time that the bus is back after it was away, and after events were dropped on this side. */
  onReconnect(handler: ReconnectHandler): Subscription;
  /** Whether events flow now. */
  readonly connected: boolean;
  readonly stats: EventBusStats;
  /** Sends what waits, then ends every subscription. Idempotent. */
  close(): Promise<void>;
}
