/**
 * Clients of the modern era (2026-07-28), request by request: each says itself who asks and what it can be asked.
 *
 * A server of the same era gets what such a client sends and returns what it gets, questions in results included: nothing is kept
 * here. A server of the legacy era asks while a request is under way, so that the request is held here (`held-call.ts`).
 *
 * Invariants
 *   M1. Every request has one answer, or is cancelled because nobody can read the answer any more; then it is cancelled at the server.
 *   M2. A stream of changes has what was asked for and can be had, each message under the id of its request, from its
 *       acknowledgement on.
 */
import type { ServerCapabilities } from "@modelcontextprotocol/client";
import { abortable } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { RelayOptions, RelayOutcome } from "../../mcp/index.ts";
import type { Backend, ClientFacts, Description, News } from "../backend/backend.ts";
import { errorOf, errorOfThrown, modernResult } from "./answers.ts";
import { canAnswer, cannotAnswer, readCapabilities } from "./client-capabilities.ts";
import { HeldCall, HeldCalls } from "./held-call.ts";
import { progressTo } from "./legacy-session.ts";
import {
  errorMessage,
  INVALID_PARAMS,
  isLevel,
  isWanted,
  LEGACY_ONLY,
  META,
  METHOD_NOT_FOUND,
  MODERN_VERSION,
  notification,
  type RequestMessage,
  resultMessage,
  type RpcError,
  SERVER_ERROR,
  splitParams,
  UNSUPPORTED_VERSION,
} from "./messages.ts";
import type { Outlet } from "./outlet.ts";

const LISTENERS_MAX = 256;
const SUBSCRIPTIONS_MAX = 1000;

export interface Envelope extends ClientFacts {
  readonly logLevel: string | undefined;
}

/** Who asks, by `_meta` of the request. */
export function readEnvelope(params: JsonObject): Envelope | RpcError {
  const meta = isObject(params["_meta"]) ? params["_meta"] : {};
  const version = meta[META.version];
  if (typeof version !== "string") return missing(META.version);
  if (version !== MODERN_VERSION) {
    const data = { supported: [MODERN_VERSION], requested: version };
    return { code: UNSUPPORTED_VERSION, message: `Unsupported protocol version: ${version}`, data };
  }
  if (!isObject(meta[META.capabilities])) return missing(META.capabilities);
  const client = meta[META.client];
  const { name, version: clientVersion } = isObject(client) ? client : {};
  const level = meta[META.logLevel];
  return {
    era: "modern",
    name: typeof name === "string" ? name : "",
    version: typeof clientVersion === "string" ? clientVersion : "",
    capabilities: readCapabilities(meta[META.capabilities]),
    logLevel: isLevel(level) ? level : undefined,
  };
}

function missing(key: string): RpcError {
  return { code: INVALID_PARAMS, message: `Invalid params: _meta needs "${key}"` };
}

export class ModernClient {
  readonly #backend: Backend;
  readonly #held: HeldCalls;
  #description: Description | undefined;
  #listeners = 0;

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend;
    this.#held = new HeldCalls(clock);
  }

  request(message: RequestMessage, envelope: Envelope, outlet: Outlet): void {
    void this.#answer(message, envelope, outlet).then(
      (answer) => outlet.end(answer),
      (error: unknown) => outlet.end(errorMessage(message.id, errorOfThrown(error))),
    );
  }

  /** Nobody comes back: what is held is cancelled. */
  end(): void {
    this.#held.end();
  }

  async #answer(message: RequestMessage, envelope: Envelope, outlet: Outlet): Promise<JsonObject> {
    const { id, method, params } = message;
    if (LEGACY_ONLY.has(method)) return errorMessage(id, NO_METHOD);
    if (method === "server/discover") return resultMessage(id, await this.#discover(outlet.gone));
    if (method === "subscriptions/listen") return this.#listen(message, outlet);
    const { params: sent, progressToken } = splitParams(params);
    const { requestState, inputResponses, ...about } = sent;
    let call: HeldCall | undefined;
    if (HeldCalls.isState(requestState)) {
      call = this.#held.take(requestState, aboutOf(method, about));
      if (call === undefined)
        return errorMessage(id, {
          code: INVALID_PARAMS,
          message: "Invalid params: requestState is not one of a request that waits here",
        });
      call.answer(inputResponses);
    } else {
      call = new HeldCall();
      call.follow(this.#send(method, sent, envelope, call, outlet, progressTo(outlet, progressToken)));
    }
    const cancel = (): void => call.cancel();
    outlet.gone.addEventListener("abort", cancel, { once: true });
    if (outlet.gone.aborted) cancel();
    const step = await call.step();
    outlet.gone.removeEventListener("abort", cancel);
    if (step.kind === "asks") {
      const state = this.#held.keep(call, aboutOf(method, about));
      const result = { resultType: "input_required", inputRequests: step.requests, requestState: state };
      return resultMessage(id, result);
    }
    return this.#answerOf(id, method, step.outcome, outlet.gone);
  }

  #send(
    method: string,
    params: JsonObject,
    { capabilities, logLevel }: Envelope,
    call: HeldCall,
    outlet: Outlet,
    progress: Pick<RelayOptions, "onProgress">,
  ): Promise<RelayOutcome> {
    return this.#backend.request(method, params, {
      signal: call.signal,
      capabilities,
      logLevel,
      passesInput: true,
      onAsk: async (request, signal) =>
        canAnswer(request, capabilities) ? call.ask(request, signal) : cannotAnswer(request),
      onLog: (log) => {
        if (logLevel !== undefined && isWanted(log, logLevel))
          outlet.send(notification("notifications/message", log), true);
      },
      ...progress,
    });
  }

  async #answerOf(
    id: RequestMessage["id"],
    method: string,
    outcome: RelayOutcome,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    if (outcome.kind !== "answer") return errorMessage(id, errorOf(outcome, "modern"));
    this.#description ??= await this.#backend.describe(signal);
    return resultMessage(id, modernResult(method, outcome.result, this.#description.serverInfo));
  }

  async #discover(signal: AbortSignal): Promise<JsonObject> {
    const { serverInfo, capabilities, instructions } = await this.#backend.describe(signal);
    return {
      resultType: "complete",
      supportedVersions: [MODERN_VERSION],
      capabilities: capabilities as unknown as JsonObject,
      ...(instructions === undefined ? {} : { instructions }),
      ttlMs: 0,
      cacheScope: "private",
      _meta: { [META.server]: serverInfo as unknown as JsonObject },
    };
  }

  /** (M2) @returns what ends the stream */
  async #listen({ id, params }: RequestMessage, outlet: Outlet): Promise<JsonObject> {
    const wanted = readFilter(params["notifications"]);
    if (wanted === undefined) {
      const message = 'Invalid params: "notifications" is missing or not valid';
      return errorMessage(id, { code: INVALID_PARAMS, message });
    }
    if (this.#listeners >= LISTENERS_MAX || wanted.uris.length > SUBSCRIPTIONS_MAX)
      return errorMessage(id, { code: SERVER_ERROR, message: "There are too many subscriptions" });
    this.#listeners++;
    const taken: AsyncDisposable[] = [];
    let watching: Disposable | undefined;
    try {
      const { serverInfo, capabilities } = await this.#backend.describe(outlet.gone);
      const honoured = honour(wanted, capabilities);
      const tagged = (more: JsonObject): JsonObject => ({ ...more, _meta: { [META.subscription]: id } });
      watching = this.#backend.watch({ told: (news) => tell(outlet, news, honoured, tagged) });
      for (const uri of honoured.uris) taken.push(await this.#backend.subscribe(uri, outlet.gone));
      const acknowledged = tagged({ notifications: honoured.filter });
      outlet.send(notification("notifications/subscriptions/acknowledged", acknowledged));
      if (Object.keys(honoured.filter).length > 0) {
        const over = AbortSignal.any([outlet.gone, this.#backend.ended]);
        await abortable(new Promise<never>(() => {}), over).catch(() => {});
      }
      const _meta = { [META.subscription]: id, [META.server]: serverInfo as unknown as JsonObject };
      return resultMessage(id, { resultType: "complete", _meta });
    } finally {
      this.#listeners--;
      watching?.[Symbol.dispose]();
      // Taking one back does not reject.
      await Promise.all(taken.map((subscription) => subscription[Symbol.asyncDispose]()));
    }
  }
}

function tell(
  outlet: Outlet,
  news: News,
  { lists, uris }: Filter,
  tagged: (params: JsonObject) => JsonObject,
): void {
  if (news.kind === "changed" && lists.includes(news.list))
    outlet.send(notification(`notifications/${news.list}/list_changed`, tagged({})));
  if (news.kind === "updated" && covers(uris, news.uri))
    outlet.send(notification("notifications/resources/updated", tagged({ uri: news.uri })));
}

const NO_METHOD: RpcError = { code: METHOD_NOT_FOUND, message: "Method not found" };

/** What a return with answers has to repeat. `_meta` may differ: a new progress token, say. */
function aboutOf(method: string, whole: JsonObject): string {
  const { _meta: _, ...params } = whole;
  return JSON.stringify([method, params]);
}

const LISTS = {
  tools: "toolsListChanged",
  prompts: "promptsListChanged",
  resources: "resourcesListChanged",
} as const;
type Lists = readonly (keyof typeof LISTS)[];

interface Filter {
  readonly lists: Lists;
  readonly uris: readonly string[];
}

function readFilter(value: unknown): Filter | undefined {
  if (!isObject(value)) return undefined;
  const { resourceSubscriptions: uris = [] } = value;
  if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === "string")) return undefined;
  const lists = (Object.keys(LISTS) as (keyof typeof LISTS)[]).filter((list) => {
    return value[LISTS[list]] !== undefined;
  });
  if (lists.some((list) => typeof value[LISTS[list]] !== "boolean")) return undefined;
  return { lists: lists.filter((list) => value[LISTS[list]] === true), uris };
}

function honour(
  { lists, uris }: Filter,
  capabilities: ServerCapabilities,
): Filter & { readonly filter: JsonObject } {
  const can = lists.filter((list) => capabilities[list]?.listChanged === true);
  const taken = capabilities.resources?.subscribe === true ? [...new Set(uris)] : [];
  const filter: JsonObject = {
    ...Object.fromEntries(can.map((list) => [LISTS[list], true])),
    ...(taken.length === 0 ? {} : { resourceSubscriptions: taken }),
  };
  return { lists: can, uris: taken, filter };
}

/** A server may tell of a part of what was subscribed to. */
function covers(uris: readonly string[], uri: string): boolean {
  return uris.some((own) => uri === own || uri.startsWith(`${own}/`));
}
