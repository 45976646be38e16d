import type { ClientEnvironment } from "./environment.ts";

/** A connection that is only "disconnected" often comes back by itself within this time. */
const DISCONNECTED_PATIENCE_MS = 2_500;
/** How long an ICE restart may take. */
const RESTART_DEADLINE_MS = 10_000;
/** Restarts without success before the connection is given up. */
const MAX_RESTARTS = 3;

export interface IceRecoveryActions {
  /** Negotiates new ICE credentials. Resolves when that is done, which says nothing of whether media flows. */
  restart(): Promise<void>;
  /** Restarts did not help. `wasConnected`: media had flowed before. */
  giveUp(wasConnected: boolean): void;
}

/** Watches one peer connection, and restarts ICE when its path is lost. */
export class IceRecovery {
  readonly #environment: ClientEnvironment;
  readonly #actions: IceRecoveryActions;
  #stopTimer: (() => void) | undefined;
  #restarts = 0;
  #restarting = false;
  #state: RTCPeerConnectionState = "new";
  #wasConnected = false;
  #closed = false;

  constructor(environment: ClientEnvironment, actions: IceRecoveryActions) {
    this.#environment = environment;
    this.#actions = actions;
  }

  /** Tells the connection's state, on each change. */
  onState(state: RTCPeerConnectionState): void {
    if (this.#closed) return;
    this.#state = state;
    if (state === "connected") {
      this.#wasConnected = true;
      this.#restarts = 0;
      this.#wait(undefined);
    } else if (state === "disconnected") {
      this.#wait(DISCONNECTED_PATIENCE_MS);
    } else if (state === "failed") {
      this.#wait(undefined);
      void this.#restart();
    }
  }

  /** The machine is on another network: does not wait for the connection to notice. */
  onNetworkChange(): void {
    if (this.#closed) return;
    this.#restarts = 0;
    void this.#restart();
  }

  close(): void {
    this.#closed = true;
    this.#wait(undefined);
  }

  async #restart(): Promise<void> {
    if (this.#restarting || this.#closed) return;
    if (this.#restarts >= MAX_RESTARTS) {
      this.#actions.giveUp(this.#wasConnected);
      return;
    }
    this.#restarts += 1;
    this.#restarting = true;
    try {
      await this.#actions.restart();
    } catch {
      // Counted as a restart without success.
    }
    this.#restarting = false;
    if (!this.#closed) this.#wait(RESTART_DEADLINE_MS);
  }

  /** Restarts after `delayMs`, in place of what was awaited before; undefined awaits nothing. */
  #wait(delayMs: number | undefined): void {
    this.#stopTimer?.();
    if (delayMs === undefined) this.#stopTimer = undefined;
    else this.#stopTimer = this.#environment.setTimer(() => this.#overdue(), delayMs);
  }

  /** A restart on a path that was never lost causes no change of state. */
  #overdue(): void {
    if (this.#state !== "connected") void this.#restart();
  }
}
