import type { Duplex } from "@cation/cluster/rpc/duplex";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import { pipeDuplexes } from "./pipe-duplexes.ts";
import type { RoomLease } from "./room-assignments.ts";
import type { Dial } from "./worker-control.ts";

/** How long a new stream may take to say what it is for. */
const HELLO_DEADLINE_MS = 5_000;

/** A worker that links lead to. */
export interface LinkTarget {
  readonly worker: { openLink(): Duplex<LinkUp, LinkDown> };
}

/** Leads a link of another node to the worker that has the room, which its hello names. */
export function routeRelay(
  duplex: Duplex<LinkDown, LinkUp>,
  acquire: (roomId: string) => RoomLease<LinkTarget> | undefined,
  clock: Clock,
): void {
  takeFirst(duplex, clock, (message) => {
    if (message.up?.$case !== "hello") throw new CodedError("REQUEST_ORDER", "A link begins with hello.");
    const lease = acquire(message.up.value.roomId);
    if (!lease) throw new CodedError("SFU_UNAVAILABLE", "No worker runs now.");
    duplex.onClose = () => lease.release();
    const inner = lease.target.worker.openLink();
    inner.write(message);
    pipeDuplexes(duplex, inner);
  });
}

/** Leads a link of a worker to the node that it names. */
export function dialRelay(
  duplex: Duplex<LinkDown, Dial | LinkUp>,
  connect: (nodeId: string) => Promise<Duplex<LinkUp, LinkDown>>,
  clock: Clock,
): void {
  takeFirst(duplex, clock, (message) => {
    if (!("nodeId" in message)) throw new CodedError("REQUEST_ORDER", "A link begins with its node.");
    let over = false;
    duplex.onEnd = () => (over = true);
    duplex.pause();
    connect(message.nodeId).then(
      (inner) => {
        if (over) return inner.abort();
        pipeDuplexes(duplex, inner as Duplex<Dial | LinkUp, LinkDown>);
        duplex.resume();
      },
      (error: unknown) => duplex.abort(toCodedError(error)),
    );
  });
}

/** Waits for the first message and takes it. What `take` throws ends the stream. */
function takeFirst<Out, In>(duplex: Duplex<Out, In>, clock: Clock, take: (message: In) => void): void {
  const silent = new CodedError("REQUEST_ORDER", "The link said nothing.");
  const timer = clock.setTimer(HELLO_DEADLINE_MS, () => duplex.abort(silent));
  duplex.onEnd = () => {
    timer.cancel();
    duplex.end();
  };
  duplex.onMessage = (message) => {
    timer.cancel();
    try {
      take(message);
    } catch (error) {
      duplex.abort(toCodedError(error));
    }
  };
}
