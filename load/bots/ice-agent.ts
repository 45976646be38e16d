import { randomBytes } from "node:crypto";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { StunMessageView, StunType } from "@cation/webrtc/stun-message";
import { TRANSACTION_ID_BYTES, TRANSACTION_ID_OFFSET, writeStunCheck } from "./stun-check.ts";

/** Between checks until one is answered. */
const CHECK_INTERVAL_MS = 50;
/** Between consent checks afterwards (RFC 7675 §5.1 says every 4 … 6 s; Chromium, whose pace this is, 2.5 s). */
const CONSENT_INTERVAL_MS = 2_500;
/** Without an answer for so long, consent is gone (RFC 7675 §5.1). */
const CONSENT_TIMEOUT_MS = 30_000;
/** Answers are matched to the last few checks only. */
const MAX_OUTSTANDING = 32;
/** RFC 8445 §5.1.2.1: a host candidate, highest local preference, component 1. */
const PRIORITY = (126 << 24) | (65_535 << 8) | 255;

/** A ufrag and password. */
export interface IceCredentials {
  readonly ufrag: string;
  readonly pwd: string;
}

export function createIceCredentials(): IceCredentials {
  return { ufrag: randomBytes(6).toString("base64"), pwd: randomBytes(18).toString("base64") };
}

export interface IceAgentOptions {
  readonly local: IceCredentials;
  readonly remote: IceCredentials;
  readonly clock: Clock;
  readonly send: (datagram: Uint8Array) => void;
  /** The first check was answered: the path works. */
  readonly onConnected: () => void;
  /** No answer for too long. */
  readonly onLost: () => void;
}

/** The controlling side towards an ICE-lite server with one candidate: checks it, nominates it, keeps its consent fresh. */
export class IceAgent {
  readonly #options: IceAgentOptions;
  readonly #tieBreaker = randomBytes(8);
  readonly #view = new StunMessageView();
  /** Transaction ids, as latin1. */
  readonly #outstanding = new Set<string>();
  #timer: Timer | undefined;
  #connected = false;
  #heardAtMs: number;
  #closed = false;

  constructor(options: IceAgentOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.monotonicMs();
    this.#check();
  }

  /** STUN from the server: an answer to a check, or nothing of interest. */
  receive(datagram: Uint8Array): void {
    const { remote, clock, onConnected } = this.#options;
    const view = this.#view;
    if (this.#closed || !view.read(datagram) || view.type !== StunType.BINDING_SUCCESS) return;
    if (!this.#outstanding.has(transactionIdOf(view.bytes)) || !view.hasValidIntegrity(remote.pwd)) return;
    this.#outstanding.delete(transactionIdOf(view.bytes));
    this.#heardAtMs = clock.monotonicMs();
    if (this.#connected) return;
    this.#connected = true;
    this.#schedule();
    onConnected();
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #check(): void {
    const { local, remote, clock, send, onLost } = this.#options;
    if (clock.monotonicMs() - this.#heardAtMs > CONSENT_TIMEOUT_MS) {
      this.close();
      return onLost();
    }
    const request = writeStunCheck({
      username: `${remote.ufrag}:${local.ufrag}`,
      password: remote.pwd,
      priority: PRIORITY,
      tieBreaker: this.#tieBreaker,
    });
    this.#remember(transactionIdOf(request));
    send(request);
    this.#schedule();
  }

  #remember(transactionId: string): void {
    this.#outstanding.add(transactionId);
    const [oldest] = this.#outstanding;
    if (this.#outstanding.size > MAX_OUTSTANDING && oldest !== undefined) this.#outstanding.delete(oldest);
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    const intervalMs = this.#connected ? CONSENT_INTERVAL_MS : CHECK_INTERVAL_MS;
    this.#timer = this.#options.clock.setTimer(intervalMs, () => this.#check());
  }
}

function transactionIdOf(message: Buffer): string {
  return message.toString("latin1", TRANSACTION_ID_OFFSET, TRANSACTION_ID_OFFSET + TRANSACTION_ID_BYTES);
}
