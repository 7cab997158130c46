/**
 * A client of the legacy era (2025-11-25 and before), from `initialize` to its end, whatever carries its messages.
 *
 *   request ──> backend ──> answer           progress, log, questions: on the outlet of their request
 *   news of the backend ──> standing outlet  the stream that belongs to no request
 *
 * Invariants
 *   S1. Every request has one answer, or is cancelled: by the client, or because nobody can read the answer any more.
 *   S2. What belongs to a request goes to its outlet; a question that belongs to none goes to the standing one. Its answer is taken
 *       once, and a question whose asker gave up is withdrawn.
 *   S3. Changes that are told while there is no standing outlet are told when there is one, each once.
 *   S4. When it has ended, nothing of it is under way at the server, and its subscriptions are gone.
 */
import type { ClientCapabilities } from "@modelcontextprotocol/client";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { RelayOptions, ServerRequest } from "../../mcp/index.ts";
import type { ClientFacts, Description, News, OpenBackend } from "../backend/backend.ts";
import { errorOf, errorOfThrown, legacyResult } from "./answers.ts";
import { canAnswer, cannotAnswer, readCapabilities, refused } from "./client-capabilities.ts";
import {
  errorMessage,
  type Id,
  type Incoming,
  INVALID_PARAMS,
  INVALID_REQUEST,
  isLevel,
  isWanted,
  LEGACY_VERSIONS,
  METHOD_NOT_FOUND,
  MODERN_ONLY,
  notification,
  type RequestMessage,
  resultMessage,
  type RpcError,
  SERVER_ERROR,
  splitParams,
} from "./messages.ts";
import type { Outlet } from "./outlet.ts";

/** How many questions a client may have open. */
const QUESTIONS_MAX = 64;
const SUBSCRIPTIONS_MAX = 1000;
/** How many changes are kept for a client that has no standing stream. */
const MISSED_MAX = 100;
/** What a client that has set no level is told from the modern era, where a server logs nothing unless it is asked to. */
const LEVEL = "info";

/** For `initialize`. */
export function readClient(params: JsonObject): ClientFacts {
  const { clientInfo = {}, capabilities } = params;
  const { name, version } = isObject(clientInfo) ? clientInfo : {};
  return {
    era: "legacy",
    name: typeof name === "string" ? name : "",
    version: typeof version === "string" ? version : "",
    capabilities: readCapabilities(capabilities),
  };
}

interface Question {
  readonly resolve: (result: JsonObject) => void;
  readonly reject: (error: Error) => void;
}

interface Work {
  readonly cancelling: AbortController;
  readonly done: Promise<void>;
}

export class LegacySession {
  readonly version: string;
  readonly #opened: OpenBackend;
  readonly #description: Description;
  readonly #capabilities: ClientCapabilities;
  readonly #work = new Map<Id, Work>();
  readonly #questions = new Map<Id, Question>();
  readonly #subscriptions = new Map<string, Promise<AsyncDisposable>>();
  readonly #missed = new Map<string, JsonObject>();
  readonly #watching: Disposable;
  readonly #over = new AbortController();
  #standing: Outlet | undefined;
  #level: string | undefined;
  #asked = 0;
  #ending: Promise<void> | undefined;

  private constructor(version: string, client: ClientFacts, opened: OpenBackend, description: Description) {
    this.version = version;
    this.#opened = opened;
    this.#description = description;
    this.#capabilities = client.capabilities;
    this.#watching = opened.backend.watch({
      told: (news) => this.#tell(news),
      ask: (request, signal) => this.#ask(request, this.#standing, signal),
    });
  }

  /**
   * Answers `initialize`.
   *
   * @param open yields the backend for this client
   * @throws what `open` and the backend throw; nothing is left of it then
   */
  static async open(
    params: JsonObject,
    open: (client: ClientFacts) => OpenBackend,
    signal: AbortSignal,
  ): Promise<LegacySession> {
    const client = readClient(params);
    const { protocolVersion: wanted } = params;
    const opened = open(client);
    try {
      const description = await opened.backend.describe(signal);
      const known = typeof wanted === "string" && LEGACY_VERSIONS.includes(wanted);
      return new LegacySession(known ? wanted : (LEGACY_VERSIONS[0] ?? ""), client, opened, description);
    } catch (error) {
      await opened.end();
      throw error;
    }
  }

  /** The result of `initialize`. */
  get greeting(): JsonObject {
    const { serverInfo, capabilities, instructions } = this.#description;
    return {
      protocolVersion: this.version,
      capabilities: capabilities as unknown as JsonObject,
      serverInfo: serverInfo as unknown as JsonObject,
      ...(instructions === undefined ? {} : { instructions }),
    };
  }

  /** Aborts when it has ended. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether anything goes on that a client waits for. */
  get isBusy(): boolean {
    return this.#work.size > 0 || this.#standing !== undefined;
  }

  /** Whether there is a stream already that belongs to no request. */
  get hasStanding(): boolean {
    return this.#standing !== undefined;
  }

  /** Where messages go that belong to no request, until it is gone. */
  stand(outlet: Outlet): void {
    this.#standing = outlet;
    const leave = (): void => {
      if (this.#standing === outlet) this.#standing = undefined;
    };
    if (outlet.gone.aborted) return leave();
    outlet.gone.addEventListener("abort", leave, { once: true });
    const missed = [...this.#missed.values()];
    this.#missed.clear();
    for (const message of missed) outlet.send(message);
  }

  /** A request of the client. Its answer goes to the outlet. */
  request(message: RequestMessage, outlet: Outlet): void {
    const { id } = message;
    if (this.#ending !== undefined) return outlet.end(errorMessage(id, ENDED));
    if (this.#work.has(id)) {
      const error = { code: INVALID_REQUEST, message: "A request with this id is under way" };
      return outlet.end(errorMessage(id, error));
    }
    const cancelling = new AbortController();
    const cancel = (): void => cancelling.abort();
    outlet.gone.addEventListener("abort", cancel, { once: true });
    const done = this.#answer(message, outlet, cancelling.signal).then((answer) => {
      outlet.gone.removeEventListener("abort", cancel);
      this.#work.delete(id);
      // What the client cancelled has no answer (S1).
      const isCancelled = cancelling.signal.aborted && this.#ending === undefined;
      outlet.end(isCancelled ? undefined : answer);
    });
    this.#work.set(id, { cancelling, done });
  }

  /** Anything else that a client sends. */
  note(message: Exclude<Incoming, RequestMessage>): void {
    switch (message.kind) {
      case "response":
        return this.#settle(message.id, (question) => question.resolve(message.result));
      case "refusal": {
        const { code, message: text } = message.error;
        return this.#settle(message.id, (question) => question.reject(refused({ code, message: text })));
      }
      case "notification": {
        const { requestId } = message.params;
        const isId = typeof requestId === "string" || typeof requestId === "number";
        if (message.method === "notifications/cancelled" && isId)
          this.#work.get(requestId)?.cancelling.abort();
      }
    }
  }

  /** Ends it (S4). Never rejects. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#over.abort();
    this.#watching[Symbol.dispose]();
    for (const { cancelling } of this.#work.values()) cancelling.abort();
    for (const { reject } of [...this.#questions.values()]) reject(new Error("The client has gone"));
    await Promise.all([...this.#work.values()].map(({ done }) => done));
    await Promise.all([...this.#subscriptions.keys()].map((uri) => this.#unsubscribe(uri)));
    await this.#opened.end();
  }

  async #answer(message: RequestMessage, outlet: Outlet, signal: AbortSignal): Promise<JsonObject> {
    const { id, method, params } = message;
    const { backend } = this.#opened;
    switch (method) {
      case "ping":
        return resultMessage(id, {});
      case "initialize":
        return errorMessage(id, { code: INVALID_REQUEST, message: "It is initialized already" });
      case "resources/subscribe":
        return this.#subscribe(id, params["uri"], signal);
      case "resources/unsubscribe":
        if (typeof params["uri"] === "string") await this.#unsubscribe(params["uri"]);
        return resultMessage(id, {});
      case "logging/setLevel":
        if (!isLevel(params["level"])) return errorMessage(id, invalid("level"));
        this.#level = params["level"];
        break;
      default:
        if (MODERN_ONLY.has(method)) return errorMessage(id, NO_METHOD);
    }
    const { params: sent, progressToken } = splitParams(params);
    const outcome = await backend.request(method, sent, {
      signal,
      capabilities: this.#capabilities,
      logLevel: this.#level ?? LEVEL,
      onAsk: (request, withdrawn) => this.#ask(request, outlet, withdrawn),
      onLog: (log) => this.#log(log, outlet),
      // Before the answer, so that the client knows of a new tool when it reads that there is one.
      onListChanged: (changed) => void outlet.send(notification(changed, {})),
      ...progressTo(outlet, progressToken),
    });
    if (outcome.kind === "answer") return resultMessage(id, legacyResult(outcome));
    return errorMessage(id, errorOf(outcome, "legacy"));
  }

  /** On the outlet of the request, or where there is none on the standing one (S2). */
  async #ask(request: ServerRequest, outlet: Outlet | undefined, signal: AbortSignal): Promise<JsonObject> {
    if (!canAnswer(request, this.#capabilities)) return cannotAnswer(request);
    const to = outlet === undefined || outlet.gone.aborted ? this.#standing : outlet;
    if (to === undefined || this.#questions.size >= QUESTIONS_MAX) return cannotAnswer(request);
    const id = `ask-${++this.#asked}`;
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const withdraw = (): void => {
      const reason = "The request it belonged to is over";
      to.send(notification("notifications/cancelled", { requestId: id, reason }));
      reject(new Error(reason));
    };
    const lose = (): void => reject(new Error("The client has gone"));
    this.#questions.set(id, { resolve, reject });
    signal.addEventListener("abort", withdraw, { once: true });
    to.gone.addEventListener("abort", lose, { once: true });
    const { method, params } = request;
    const message = { jsonrpc: "2.0", id, method, params: params as JsonObject };
    if (signal.aborted || !to.send(message)) lose();
    try {
      return await promise;
    } finally {
      this.#questions.delete(id);
      signal.removeEventListener("abort", withdraw);
      to.gone.removeEventListener("abort", lose);
    }
  }

  #settle(id: Id | undefined, how: (question: Question) => void): void {
    const question = id === undefined ? undefined : this.#questions.get(id);
    if (question !== undefined) how(question);
  }

  #log(params: JsonObject, outlet: Outlet | undefined): void {
    if (this.#level !== undefined && !isWanted(params, this.#level)) return;
    outlet?.send(notification("notifications/message", params), true);
  }

  #tell(news: News): void {
    switch (news.kind) {
      case "log":
        return this.#log(news.params, this.#standing);
      case "changed":
        return this.#sayOrKeep(news.list, notification(`notifications/${news.list}/list_changed`, {}));
      case "updated": {
        const { uri } = news;
        const ours = [...this.#subscriptions.keys()].some((own) => uri === own || uri.startsWith(`${own}/`));
        if (ours) this.#sayOrKeep(`uri ${uri}`, notification("notifications/resources/updated", { uri }));
      }
    }
  }

  /** (S3) */
  #sayOrKeep(key: string, message: JsonObject): void {
    if (this.#standing !== undefined) this.#standing.send(message);
    else if (this.#missed.size < MISSED_MAX) this.#missed.set(key, message);
  }

  async #subscribe(id: Id, uri: unknown, signal: AbortSignal): Promise<JsonObject> {
    if (typeof uri !== "string") return errorMessage(id, invalid("uri"));
    try {
      let subscription = this.#subscriptions.get(uri);
      if (subscription === undefined) {
        if (this.#subscriptions.size >= SUBSCRIPTIONS_MAX)
          return errorMessage(id, { code: SERVER_ERROR, message: "There are too many subscriptions" });
        subscription = this.#opened.backend.subscribe(uri, signal);
        this.#subscriptions.set(uri, subscription);
      }
      await subscription;
      return resultMessage(id, {});
    } catch (error) {
      this.#subscriptions.delete(uri);
      return errorMessage(id, errorOfThrown(error));
    }
  }

  async #unsubscribe(uri: string): Promise<void> {
    const subscription = this.#subscriptions.get(uri);
    this.#subscriptions.delete(uri);
    const taken = await subscription?.catch(() => undefined);
    await taken?.[Symbol.asyncDispose]();
  }
}

const ENDED: RpcError = { code: SERVER_ERROR, message: "The session has ended" };
const NO_METHOD: RpcError = { code: METHOD_NOT_FOUND, message: "Method not found" };

function invalid(name: string): RpcError {
  return { code: INVALID_PARAMS, message: `Invalid params: "${name}" is missing or not valid` };
}

/** The server's progress, under the token of the client. */
export function progressTo(outlet: Outlet, progressToken: Id | undefined): Pick<RelayOptions, "onProgress"> {
  if (progressToken === undefined) return {};
  return {
    onProgress: (progress) =>
      void outlet.send(
        notification("notifications/progress", { ...(progress as unknown as JsonObject), progressToken }),
        true,
      ),
  };
}
