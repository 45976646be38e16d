/** A node, as the admin API has it (docs/admin.md). */
export interface AdminNode {
  readonly nodeId: string;
  readonly region: string;
  readonly version: string;
  readonly draining: boolean;
  readonly startedAtMs: number;
  readonly stress: number;
  readonly cpu: number;
  readonly packetsPerSecond: number;
  readonly egressBps: number;
  readonly participants: number;
  readonly rooms: number;
  readonly tracks: number;
  readonly maxParticipants: number;
  readonly maxEgressBps: number;
}

export interface AdminRoom {
  readonly roomId: string;
  readonly participants: number;
  readonly tracks: number;
  readonly nodeIds: readonly string[];
}

export interface AdminLink {
  readonly from: string;
  readonly to: string;
  readonly tracks: number;
  readonly packets: number;
}

export interface AdminParticipant {
  readonly participantId: string;
  readonly identity: string;
  readonly name: string;
  readonly nodeId: string;
  readonly joinedAtMs: number;
  readonly published: number;
  readonly received: number;
  readonly receivedBps: number;
  readonly sentBps: number;
  readonly loss: number;
  readonly roundTripMs: number;
  readonly score: number;
}

export interface AdminRoomDetail {
  readonly roomId: string;
  readonly participantCount: number;
  readonly createdAtMs: number;
  readonly nodeIds: readonly string[];
  readonly planned: readonly { readonly nodeId: string; readonly parentNodeId: string }[];
  readonly links: readonly AdminLink[];
  readonly participants: readonly AdminParticipant[];
}

/** What the server refused, with its code; "UNREACHABLE" where nothing answered. */
export class AdminError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }

  /** The token is not, or no longer, the right one. */
  get isRefusal(): boolean {
    return this.code === "TOKEN_INVALID" || this.code === "TOKEN_MISSING";
  }
}

/** Calls the admin API. Every method rejects with an AdminError. */
export class AdminClient {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  listNodes(): Promise<AdminNode[]> {
    return this.#call("GET", "/nodes");
  }

  listRooms(): Promise<AdminRoom[]> {
    return this.#call("GET", "/rooms");
  }

  readRoom(roomId: string): Promise<AdminRoomDetail> {
    return this.#call("GET", `/rooms/${encodeURIComponent(roomId)}`);
  }

  drain(nodeId: string): Promise<{ sessions: number }> {
    return this.#call("POST", `/nodes/${encodeURIComponent(nodeId)}/drain`);
  }

  remove(roomId: string, participantId: string): Promise<void> {
    const path = `/rooms/${encodeURIComponent(roomId)}/participants/${encodeURIComponent(participantId)}`;
    return this.#call("DELETE", path);
  }

  async #call<T>(method: string, path: string): Promise<T> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const response = await fetch(`/admin/api${path}`, { method, headers }).catch(() => {
      throw new AdminError("UNREACHABLE", "The server cannot be reached.");
    });
    if (response.status === 204) return undefined as T;
    const body: unknown = await response.json().catch(() => ({}));
    if (response.ok) return body as T;
    const { code = "UNREACHABLE", message = "" } = body as { code?: string; message?: string };
    throw new AdminError(code === "MESSAGE_UNKNOWN" ? "NO_ADMIN" : code, message);
  }
}
