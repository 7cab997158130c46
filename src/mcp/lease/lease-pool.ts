/**
 * Connections by their sharing key, and who holds them.
 *
 * Invariants
 *   P1. A connection ends when its last lease is given back: at once if only one thread may hold it, after the idle time if
 *       several may. A lease that is taken within the idle time keeps it.
 *   P2. One connection per key, however many ask for it at the same moment.
 *   P3. A lease is given back once: again does nothing.
 */
import { randomUUID } from "node:crypto";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Connection } from "../connection/connection.ts";
import type { Holder } from "../connection/in-flight.ts";
import type { Sharing } from "./sharing-key.ts";

export interface LeasePoolOptions {
  readonly clock: Clock;
  /** How long a shared connection may be idle, in milliseconds. */
  readonly idleMs: number;
  /** Told when a lease was taken or given back, and when a connection was ended. */
  readonly onChange?: () => void;
}

/** The right of one thread to a connection. */
export interface Lease {
  readonly connection: Connection;
  /** Names the connection: the same for all that hold it, and never used again. */
  readonly id: string;
  readonly key: string;
  readonly shared: boolean;
  /** Gives it back. Returns when the connection has ended, if it ends with this lease. */
  release(): Promise<void>;
}

/** A thread's server that holds a connection. */
export interface LeaseHolder {
  readonly thread: string;
  readonly server: string;
}

interface Slot {
  readonly id: string;
  readonly connection: Connection;
  /** When it was made, on the clock. */
  readonly since: number;
  readonly shared: boolean;
  readonly holders: Map<Holder, LeaseHolder>;
  idle: Timer | undefined;
}

export class LeasePool {
  readonly #options: LeasePoolOptions;
  readonly #slots = new Map<string, Slot>();
  /** Connections that are on their way out. */
  readonly #ending = new Set<Promise<void>>();

  constructor(options: LeasePoolOptions) {
    this.#options = options;
  }

  /** Connections that are not ended. */
  get size(): number {
    return this.#slots.size;
  }

  /** All connections with those who hold them. */
  *entries(): IterableIterator<{
    readonly connection: Connection;
    readonly since: number;
    readonly shared: boolean;
    readonly holders: readonly LeaseHolder[];
  }> {
    for (const { connection, since, shared, holders } of this.#slots.values()) {
      yield { connection, since, shared, holders: [...holders.values()] };
    }
  }

  holdersOf(key: string): readonly LeaseHolder[] {
    return [...(this.#slots.get(key)?.holders.values() ?? [])];
  }

  /** @param make starts a connection, if there is none for this key */
  take({ key, shared }: Sharing, holder: Holder, name: LeaseHolder, make: () => Connection): Lease {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = {
        id: randomUUID(),
        connection: make(),
        since: this.#options.clock.now(),
        shared,
        holders: new Map(),
        idle: undefined,
      };
      this.#slots.set(key, slot);
    }
    const held = slot;
    held.idle?.clear();
    held.idle = undefined;
    held.holders.set(holder, name);
    held.connection.attach(holder);
    this.#options.onChange?.();
    let released: Promise<void> | undefined;
    return {
      connection: held.connection,
      id: held.id,
      key,
      shared,
      release: () => (released ??= this.#release(key, held, holder)),
    };
  }

  /** Ends all connections. */
  async end(): Promise<void> {
    for (const [key, slot] of this.#slots) void this.#end(key, slot);
    await Promise.all(this.#ending);
  }

  async #release(key: string, slot: Slot, holder: Holder): Promise<void> {
    slot.connection.detach(holder);
    slot.holders.delete(holder);
    this.#options.onChange?.();
    if (slot.holders.size > 0 || this.#slots.get(key) !== slot) return;
    const { clock, idleMs } = this.#options;
    if (!slot.shared || idleMs === 0) return this.#end(key, slot);
    slot.idle = clock.schedule(idleMs, () => void this.#end(key, slot), { background: true });
  }

  #end(key: string, slot: Slot): Promise<void> {
    slot.idle?.clear();
    this.#slots.delete(key);
    this.#options.onChange?.();
    const ending = slot.connection.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return ending;
  }
}
