/** A worker, in one life of its thread. */
export interface AssignmentTarget {
  /** How much it carries: rooms go where it is least. */
  readonly load: number;
  /** A room was given to it that its load does not show yet. */
  reserve(): void;
}

/** A use of a room's worker. While one is held, the room stays there. */
export interface RoomLease<Target> {
  readonly target: Target;
  /** Idempotent. */
  release(): void;
}

interface Assignment<Target> {
  readonly target: Target;
  uses: number;
  /** When it was last taken or released, in the order of such things. */
  touched: number;
}

/** Which room is on which worker. A room stays where it is while it is used or the worker holds it. */
export class RoomAssignments<Target extends AssignmentTarget> {
  readonly #rooms = new Map<string, Assignment<Target>>();
  /** Rooms of each worker that has some. */
  readonly #counts = new Map<Target, number>();
  readonly #readTargets: () => Iterable<Target>;
  #order = 0;

  /** @param readTargets workers that may be given a room now. */
  constructor(readTargets: () => Iterable<Target>) {
    this.#readTargets = readTargets;
  }

  /** Rooms that have a worker. */
  get size(): number {
    return this.#rooms.size;
  }

  /** A point in the order of events, for `retain`. */
  get mark(): number {
    return this.#order;
  }

  find(roomId: string): Target | undefined {
    return this.#rooms.get(roomId)?.target;
  }

  /** Rooms of a worker. */
  count(target: Target): number {
    return this.#counts.get(target) ?? 0;
  }

  /** Uses a room: where it is, or on the worker that carries least. Undefined when there is no worker. */
  acquire(roomId: string): RoomLease<Target> | undefined {
    const assignment = this.#rooms.get(roomId) ?? this.#assign(roomId);
    if (!assignment) return undefined;
    this.#touch(assignment, 1);
    let released = false;
    return {
      target: assignment.target,
      release: () => {
        if (!released) this.#touch(assignment, -1);
        released = true;
      },
    };
  }

  /**
   * Forgets the rooms of a worker that it does not hold and that nobody has used since `mark`, at which it was asked.
   * Rooms are not counted out one by one: a session outlives its streams.
   */
  retain(target: Target, heldRoomIds: ReadonlySet<string>, mark: number): void {
    for (const [roomId, assignment] of this.#rooms) {
      if (assignment.target !== target || assignment.uses > 0 || assignment.touched > mark) continue;
      if (!heldRoomIds.has(roomId)) this.#forget(roomId, target);
    }
  }

  /** A worker is gone with all its rooms. */
  drop(target: Target): void {
    for (const [roomId, assignment] of this.#rooms) if (assignment.target === target) this.#forget(roomId, target);
  }

  #assign(roomId: string): Assignment<Target> | undefined {
    let best: Target | undefined;
    for (const target of this.#readTargets()) if (!best || this.#isLess(target, best)) best = target;
    if (!best) return undefined;
    best.reserve();
    const assignment: Assignment<Target> = { target: best, uses: 0, touched: 0 };
    this.#rooms.set(roomId, assignment);
    this.#counts.set(best, this.count(best) + 1);
    return assignment;
  }

  #isLess(a: Target, b: Target): boolean {
    return a.load === b.load ? this.count(a) < this.count(b) : a.load < b.load;
  }

  #forget(roomId: string, target: Target): void {
    this.#rooms.delete(roomId);
    const count = this.count(target) - 1;
    if (count > 0) this.#counts.set(target, count);
    else this.#counts.delete(target);
  }

  #touch(assignment: Assignment<Target>, uses: 1 | -1): void {
    assignment.uses += uses;
    assignment.touched = this.#order += 1;
  }
}
