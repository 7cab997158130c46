/**
 * A WebSocket proxy between a client and an executor that goes wrong on a plan.
 *
 *   client <──frames──> proxy <──frames──> executor
 *                         └ counts every message of both directions, over all connections; at the planned one it
 *                           cuts, closes, stalls, repeats or swaps
 *
 * It reads whole messages, so "the third message" is a fact and not a matter of packets. It never changes one.
 *
 * Invariants
 *   F1. Without a plan everything is passed on, in order, each once.
 *   F2. A cut after a message comes when the receiver has read that one and nothing later.
 *   F3. Only what a link may do happens to a message: what came over TCP is never lost on a link that lives on. Order
 *       is changed from the executor to the client, as `codex exec-server` does by itself, and between requests about
 *       different processes.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";

/** What happens to the planned message. */
export type Fault =
  /** Both sockets end without a word; the message is delivered before, or never. */
  | { readonly kind: "cut"; readonly when: "before" | "after"; readonly refusal?: Refusal | undefined }
  /** The client gets a close frame instead of the message, the executor a cut. */
  | { readonly kind: "close"; readonly code: number; readonly refusal?: Refusal | undefined }
  /** Nothing passes in any direction for so long; then everything goes on. */
  | { readonly kind: "stall"; readonly forMs: number }
  /** Nothing passes any more, without a notice. */
  | { readonly kind: "silence" }
  /** Delivered twice; only messages to the client. */
  | { readonly kind: "duplicate" }
  /** Delivered behind the next one of its direction, when that may be. */
  | { readonly kind: "swap" };

/** How the next connections are received. */
export interface Refusal {
  /** `half-open`: the connection is accepted, and silent. `gone`: nothing listens. Otherwise the HTTP status. */
  readonly how: "half-open" | "gone" | number;
  /** How many attempts; for `gone`, the milliseconds. */
  readonly count: number;
}

export interface Plan {
  /** The number of the message, from 1. */
  readonly at: number;
  readonly fault: Fault;
}

type Side = "client" | "executor";

interface Passing {
  readonly text: string;
  readonly binary: boolean;
  readonly to: Side;
}

/** How long a message waits for the one it is swapped with. */
const SWAP_MS = 25;
/** The receiver of the last message acknowledges it; a paused one cannot. */
const READ_MS = 1_000;

export class FaultProxy implements AsyncDisposable {
  /** The URL to pass messages to. It may change; open connections keep theirs. */
  upstream: string;
  readonly #plans: Plan[];
  readonly #pairs = new Set<Pair>();
  readonly #accepted = new Set<Duplex>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    autoPong: false,
  });
  /** `undefined` while nothing listens. */
  #http: Server | undefined;
  #return: NodeJS.Timeout | undefined;
  #port = 0;
  #messages = 0;
  #connections = 0;
  #triggered = 0;
  #refusal: Refusal | undefined;
  #refused = 0;

  static async start(upstream: string, plans: readonly Plan[] = []): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream, plans);
    await proxy.#listen();
    return proxy;
  }

  private constructor(upstream: string, plans: readonly Plan[]) {
    this.upstream = upstream;
    this.#plans = [...plans];
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  /** Messages so far, of both directions. */
  get messages(): number {
    return this.#messages;
  }

  /** Connections that were passed on so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Attempts that were refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** How many of the plans came true. */
  get triggered(): number {
    return this.#triggered;
  }

  /** Ends every connection without a word. */
  cut(refusal?: Refusal): void {
    this.refuse(refusal);
    for (const pair of this.#pairs) pair.cut();
  }

  /**
   * Lets nothing pass on the connections there are. Those that come after work.
   *
   * @param unnoticed the executor does not learn either that its client ends one, until `cut`
   */
  silence(unnoticed = false): void {
    for (const pair of this.#pairs) pair.hold(unnoticed);
  }

  /** Ends a refusal before its time. */
  async welcome(): Promise<void> {
    this.#refusal = undefined;
    clearTimeout(this.#return);
    if (this.#http === undefined) await this.#listen();
  }

  /** From now on connections are received so. */
  refuse(refusal: Refusal | undefined): void {
    this.#refusal = refusal;
    if (refusal?.how === "gone") this.#leave(refusal.count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#return);
    const http = this.#http;
    this.#http = undefined;
    const closed = http === undefined ? undefined : once(http, "close");
    http?.close();
    for (const pair of this.#pairs) pair.cut();
    for (const socket of this.#accepted) socket.destroy();
    await closed;
  }

  async #listen(): Promise<void> {
    const http = createServer((_request, response) => response.writeHead(404).end());
    http.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    http.on("connection", (socket) => {
      this.#accepted.add(socket);
      socket.once("close", () => this.#accepted.delete(socket));
    });
    this.#http = http;
    http.listen({ host: "127.0.0.1", port: this.#port });
    await once(http, "listening");
    this.#port = (http.address() as AddressInfo).port;
  }

  /** Nobody listens for `forMs`. */
  #leave(forMs: number): void {
    if (this.#http === undefined) return;
    this.#http.close();
    this.#http = undefined;
    this.#return = setTimeout(() => void this.#listen(), forMs);
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {});
    const refusal = this.#refusal;
    if (refusal !== undefined && refusal.how !== "gone") {
      this.#refused++;
      this.#refusal = refusal.count > 1 ? { ...refusal, count: refusal.count - 1 } : undefined;
      if (refusal.how === "half-open") return;
      socket.end(`HTTP/1.1 ${refusal.how} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const { authorization } = request.headers;
    const executor = new WebSocket(this.upstream, {
      perMessageDeflate: false,
      autoPong: false,
      headers: authorization === undefined ? {} : { authorization },
    });
    // Like a proxy whose server is down.
    executor.once("error", () => socket.destroy());
    executor.once("open", () => {
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        this.#connections++;
        const pair = new Pair(client, executor, (passing, own) => this.#onMessage(passing, own));
        this.#pairs.add(pair);
        void pair.over.then(() => this.#pairs.delete(pair));
      });
    });
  }

  #onMessage(passing: Passing, pair: Pair): void {
    const number = ++this.#messages;
    const at = this.#plans.findIndex((each) => each.at <= number);
    const plan = this.#plans[at];
    if (plan === undefined || !isPossible(plan.fault, passing)) return pair.pass(passing);
    this.#plans.splice(at, 1);
    this.#triggered++;
    const { fault } = plan;
    switch (fault.kind) {
      case "cut":
        this.refuse(fault.refusal);
        return fault.when === "before" ? pair.cut() : pair.passAndCut(passing);
      case "close":
        this.refuse(fault.refusal);
        return pair.close(fault.code);
      case "stall":
        return pair.stall(passing, fault.forMs);
      case "silence":
        return pair.hold();
      case "duplicate":
        pair.pass(passing);
        return pair.pass(passing);
      case "swap":
        return pair.swap(passing);
    }
  }
}

/** F3. A plan that does not fit waits for the next message that it fits. */
function isPossible(fault: Fault, { to, text }: Passing): boolean {
  if (fault.kind === "duplicate") return to === "client";
  // The client waits for its answer before it sends anything else.
  return fault.kind !== "swap" || to === "client" || processOf(text) !== undefined;
}

function processOf(text: string): string | undefined {
  return /"processId":"([^"]*)"/.exec(text)?.[1];
}

/** A connection of a client, and the one that was made for it. */
class Pair {
  readonly over: Promise<void>;
  readonly #sockets: Readonly<Record<Side, WebSocket>>;
  /** Messages that arrived while nothing passes; `undefined` otherwise. */
  #held: Passing[] | undefined;
  #swapping: { readonly passing: Passing; readonly timer: NodeJS.Timeout } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unnoticed = false;
  readonly #onMessage: (passing: Passing, pair: Pair) => void;

  constructor(client: WebSocket, executor: WebSocket, onMessage: (passing: Passing, pair: Pair) => void) {
    this.#sockets = { client, executor };
    this.#onMessage = onMessage;
    this.#forward(client, "executor");
    this.#forward(executor, "client");
    this.over = Promise.all([once(client, "close"), once(executor, "close")]).then(() => {
      clearTimeout(this.#timer);
      clearTimeout(this.#swapping?.timer);
    });
  }

  pass(passing: Passing): void {
    const { to, text, binary } = passing;
    const swapped = this.#swapping;
    if (swapped?.passing.to === to && mayOvertake(passing, swapped.passing)) {
      clearTimeout(swapped.timer);
      this.#swapping = undefined;
      this.#sockets[to].send(text, { binary });
      this.pass(swapped.passing);
      return;
    }
    if (swapped?.passing.to === to) this.#flush();
    this.#sockets[to].send(text, { binary });
  }

  cut(): void {
    this.#held = [];
    this.#sockets.client.terminate();
    this.#sockets.executor.terminate();
  }

  passAndCut(passing: Passing): void {
    this.pass(passing);
    this.#held = [];
    const receiver = this.#sockets[passing.to];
    // It answers when it has read everything before.
    receiver.once("pong", () => this.cut());
    receiver.ping("read");
    this.#timer = setTimeout(() => this.cut(), READ_MS);
  }

  close(code: number): void {
    this.#held = [];
    this.#sockets.client.close(code);
    this.#sockets.executor.terminate();
  }

  stall(passing: Passing, forMs: number): void {
    const held = [passing];
    this.#held = held;
    this.#timer = setTimeout(() => {
      this.#held = undefined;
      // They were not counted yet, but for the first one.
      this.pass(passing);
      for (const each of held.slice(1)) this.#onMessage(each, this);
    }, forMs);
  }

  hold(unnoticed = false): void {
    this.#held = [];
    this.#unnoticed = unnoticed;
  }

  swap(passing: Passing): void {
    this.#flush();
    this.#swapping = { passing, timer: setTimeout(() => this.#flush(), SWAP_MS) };
  }

  /** Delivers the message that waits for the next one. */
  #flush(): void {
    const swapped = this.#swapping;
    if (swapped === undefined) return;
    clearTimeout(swapped.timer);
    this.#swapping = undefined;
    const { to, text, binary } = swapped.passing;
    this.#sockets[to].send(text, { binary });
  }

  #forward(from: WebSocket, to: Side): void {
    from.on("message", (data: RawData, binary: boolean) => {
      const passing = { to, text: (data as Buffer).toString("utf8"), binary };
      if (this.#held === undefined) this.#onMessage(passing, this);
      else this.#held.push(passing);
    });
    // Signs of life are theirs to give; and Codex's executor needs frames that carry acknowledgements.
    const isOpen = (): boolean => this.#held === undefined && this.#sockets[to].readyState === WebSocket.OPEN;
    from.on("ping", (data) => isOpen() && this.#sockets[to].ping(data));
    from.on("pong", (data) => isOpen() && this.#sockets[to].pong(data));
    from.on("error", () => {});
    from.on("close", () => {
      const isSpared = this.#unnoticed || this.#sockets[to].readyState === WebSocket.CLOSING;
      if (!isSpared) this.#sockets[to].terminate();
    });
  }
}

function mayOvertake(next: Passing, first: Passing): boolean {
  if (next.to === "client") return true;
  const process = processOf(next.text);
  return process !== undefined && process !== processOf(first.text);
}
