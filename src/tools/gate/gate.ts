/**
 * The gate: which calls may overlap.
 *
 *   enter ──> its turn ──> its connection ──> pass ──> (the call) ──> release
 *
 * Both are fair read/write locks (`base/semaphore.ts`): a parallel call shares them, any other call has them alone. Codex has the
 * lock of the turn; that of the connection is ours, because here threads may share a connection. Who comes through the gate is
 * bounded by the callers: it holds what they hold anyway, the calls of their turns.
 *
 * Invariants
 *   E1. A call that is not parallel is alone in its turn, whatever the servers of the other calls, and alone on its connection,
 *       whatever their turns.
 *   E2. Of two calls of a turn that may not overlap, the one that came first goes first: `read, plain, read` runs one by one, and
 *       `plain, read, read` runs the first and then both others. So do those that wait for the same connection.
 *   E3. At most `callsMax` calls are in flight on a connection.
 *   E4. Whoever enters gets a pass, or its signal's reason, as soon as the calls before it are over. The locks are taken in one
 *       order, turn before connection, so no two calls wait for each other.
 *   E5. A turn or a connection is forgotten when nobody holds it or waits for it.
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { Semaphore } from "../../base/semaphore.ts";

/** Names a turn, or a connection: the same value for the same one. */
export type GateKey = string | object;

export interface GateOptions {
  /** How many calls may be in flight on one connection. @default 64 */
  readonly callsMax?: number;
  /** Time, for tests. */
  readonly clock?: Clock;
}

export interface GateRequest {
  /** The turn that the call belongs to. */
  readonly turn: GateKey;
  /** The connection that the call goes to; the same key for all threads that share it (`ServerView.connection`). @default none: a tool of the host */
  readonly connection?: GateKey | undefined;
  /** What `isParallel` says of the server and the tool that the call is routed to. */
  readonly parallel: boolean;
  /** Gives up waiting. It does not end a pass. */
  readonly signal?: AbortSignal | undefined;
}

/** The right to make one call. Release it when the call is over, however it ended: `using pass = await gate.enter(…)`. */
export interface Pass extends Disposable {
  /** How long the call had to wait, in milliseconds. */
  readonly waitedMs: number;
  /** Lets the next ones in. Again does nothing. */
  release(): void;
}

/** So many requests a peer has under way at once (`jsonrpc/peer.ts`). */
const CALLS_MAX = 64;
/** A turn has no bound of its own. */
const TURN_MAX: number = Number.MAX_SAFE_INTEGER;

export class Gate {
  static readonly #ofManagers = new WeakMap<object, Gate>();

  /**
   * The one gate in front of a manager's connections. Threads that share a connection need the same gate, whoever calls for them:
   * another `Agent`, another loop.
   *
   * @param manager a `McpManager`
   */
  static of(manager: object): Gate {
    const gate = Gate.#ofManagers.get(manager) ?? new Gate();
    Gate.#ofManagers.set(manager, gate);
    return gate;
  }

  readonly #turns = new Locks(TURN_MAX);
  readonly #connections: Locks;
  readonly #clock: Clock;

  /** @throws {RangeError} `callsMax` is no positive integer */
  constructor({ callsMax = CALLS_MAX, clock = systemClock }: GateOptions = {}) {
    if (!Number.isSafeInteger(callsMax) || callsMax < 1)
      throw new RangeError(`callsMax must be a positive integer, not ${callsMax}`);
    this.#connections = new Locks(callsMax);
    this.#clock = clock;
  }

  /** Turns and connections with calls, in flight or waiting (E5). */
  get inUse(): number {
    return this.#turns.size + this.#connections.size;
  }

  /**
   * Waits until the call may be made. It takes its place in the order when this is called, not when it is awaited.
   *
   * @throws the signal's reason, when it aborts first
   */
  async enter({ turn, connection, parallel, signal }: GateRequest): Promise<Pass> {
    const enteredMs = this.#clock.now();
    const releaseTurn = await this.#turns.acquire(turn, parallel, signal);
    let releaseConnection: (() => void) | undefined;
    try {
      if (connection !== undefined)
        releaseConnection = await this.#connections.acquire(connection, parallel, signal);
    } catch (error) {
      releaseTurn();
      throw error;
    }
    const release = (): void => {
      releaseConnection?.();
      releaseTurn();
    };
    return { waitedMs: this.#clock.now() - enteredMs, release, [Symbol.dispose]: release };
  }
}

/** Read/write locks by key. */
class Locks {
  readonly #readersMax: number;
  readonly #locks = new Map<GateKey, Semaphore>();

  constructor(readersMax: number) {
    this.#readersMax = readersMax;
  }

  get size(): number {
    return this.#locks.size;
  }

  async acquire(key: GateKey, shared: boolean, signal: AbortSignal | undefined): Promise<() => void> {
    const lock = this.#locks.get(key) ?? new Semaphore(this.#readersMax);
    this.#locks.set(key, lock);
    const forget = (): void => {
      // A pass that is released again must not take away a lock that came after its own.
      if (lock.held === 0 && lock.waiting === 0 && this.#locks.get(key) === lock) this.#locks.delete(key);
    };
    try {
      const release = await lock.acquire(signal, shared ? 1 : this.#readersMax);
      return () => {
        release();
        forget();
      };
    } catch (error) {
      forget();
      throw error;
    }
  }
}
