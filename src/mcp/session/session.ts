/**
 * One initialised conversation with one running server: the SDK's client over a transport that is started here.
 *
 *   transport ──open──> negotiate the era ──> Session ── request ──> result, or an error `failureOf` reads
 *                                                ^── notifications, questions of the server
 *
 * Restarts, resending, time limits and sharing are the business of `connection/`. What a request means is the caller's.
 *
 * Invariants
 *   K1. One start: the era is probed on the transport that is used afterwards.
 *   K2. A session that was not opened has closed its transport.
 *   K3. A question of the server is told together with the call it belongs to, where the protocol tells: over HTTP by the
 *       stream it comes on, in the modern era by the answer it comes in. Over stdio in the legacy era it belongs to no call.
 *   K4. Time limits are the caller's: the SDK's own never fires first.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  Client,
  type ClientCapabilities,
  type Implementation,
  isSpecType,
  type RequestOptions,
  SdkError,
  SdkErrorCode,
  type ServerCapabilities,
  specTypeSchemas,
  type StandardSchemaV1,
  type Tool,
} from "@modelcontextprotocol/client";
import { abortable } from "../../base/abort.ts";
import type { JsonObject } from "../../base/json.ts";
import type { TransportError } from "../errors.ts";
import type { ServerTransport } from "../transport/server-transport.ts";
import type { Era } from "./era.ts";
import { keepCode } from "./failure.ts";

/** A request of the server to its client. */
export interface ServerRequest {
  readonly method: "elicitation/create" | "sampling/createMessage" | "roots/list";
  readonly params: Readonly<Record<string, unknown>>;
}

export interface SessionEvents {
  /** @param call what `request` was given as `call`, when the protocol tells which call it belongs to */
  readonly onNotification: (method: string, params: JsonObject, call: unknown) => void;
  /** Answers a request of the server. What it throws is answered as a JSON-RPC error. */
  readonly onRequest: (request: ServerRequest, call: unknown, signal: AbortSignal) => Promise<JsonObject>;
  /** Notifications may have been missed. */
  readonly onGap: () => void;
  /** The server no longer knows the session. */
  readonly onLost: () => void;
  /** Something went wrong that concerns no request. */
  readonly onError: (error: Error) => void;
}

export interface SessionOptions extends SessionEvents {
  /** Owned from here on. Not started yet. */
  readonly transport: ServerTransport;
  readonly client: Implementation;
  readonly capabilities: ClientCapabilities;
  /** What is known of the server. @default it is probed */
  readonly era?: Era | undefined;
  /** How long a server may leave the probe unanswered before it counts as one of the legacy era, in milliseconds. */
  readonly probeMs: number;
  /** Ends the opening. */
  readonly signal: AbortSignal;
}

export interface SessionRequestOptions {
  /** Cancels the request, on the wire too. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: Progress) => void;
  /** Identifies the call a question or a notification belongs to. */
  readonly call?: unknown;
}

export interface Progress {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

/** Lets every result through: it is read where it is used. */
const ANY: StandardSchemaV1<unknown, JsonObject> = {
  "~standard": { version: 1, vendor: "switchyard", validate: (value) => ({ value: value as JsonObject }) },
};
/** The largest delay a timer of Node takes; the SDK takes "no time limit" for 1 ms. */
const NO_TIMEOUT = 2 ** 31 - 1;
/** How long a server may take to acknowledge a stream of changes. */
const LISTEN_ACK_MS = 30_000;

export class Session {
  readonly era: Era;
  readonly protocolVersion: string;
  readonly serverInfo: Implementation | undefined;
  readonly capabilities: ServerCapabilities;
  readonly instructions: string | undefined;
  /** Whether arguments are mirrored into headers: the modern era over HTTP (SEP-2243). */
  readonly mirrorsArguments: boolean;
  readonly #client: Client;
  readonly #transport: ServerTransport;
  readonly #calls: AsyncLocalStorage<unknown>;
  #ended: TransportError | undefined;

  private constructor(client: Client, transport: ServerTransport, calls: AsyncLocalStorage<unknown>) {
    this.#client = client;
    this.#transport = transport;
    this.#calls = calls;
    this.era = client.getProtocolEra() ?? "legacy";
    this.protocolVersion = client.getNegotiatedProtocolVersion() ?? "unknown";
    this.serverInfo = client.getServerVersion();
    this.capabilities = client.getServerCapabilities() ?? {};
    this.instructions = client.getInstructions();
    this.mirrorsArguments = this.era === "modern" && transport.hasPerRequestStream === true;
    void transport.ended.then((error) => {
      this.#ended = error;
    });
  }

  /** @throws what the transport, the SDK or `signal` says; `failureOf` reads it (K2) */
  static async open(options: SessionOptions): Promise<Session> {
    const { transport, client: info, capabilities, era, probeMs, signal } = options;
    const calls = new AsyncLocalStorage<unknown>();
    const client = new Client(info, {
      capabilities,
      versionNegotiation: { mode: "auto", probe: { timeoutMs: probeMs, maxRetries: 0 } },
      // Questions in answers are handled by the connection, which knows the call (K3).
      inputRequired: { autoFulfill: false },
      listMaxPages: 100,
    });
    bringSchema(client);
    client.onerror = options.onError;
    // It sees each message before the SDK does.
    transport.onmessage = keepCode;
    transport.onStreamRestored = options.onGap;
    transport.onSessionLost = options.onLost;
    client.fallbackNotificationHandler = async (notification) =>
      options.onNotification(
        notification.method,
        (notification.params ?? {}) as JsonObject,
        calls.getStore(),
      );
    const answer = (request: ServerRequest, requestSignal: AbortSignal): Promise<JsonObject> =>
      options.onRequest(request, calls.getStore(), requestSignal);
    client.fallbackRequestHandler = async ({ method, params = {} }, { mcpReq }) => {
      if (method === "elicitation/create" && capabilities.elicitation !== undefined) {
        // A handler of the SDK's would check the answer, too: Codex gives the server what it is answered, as it is.
        if (isSpecType.ElicitRequest({ method, params })) return answer({ method, params }, mcpReq.signal);
        throw Object.assign(new Error("Invalid elicitation request"), { code: -32602 });
      }
      // Codex answers this one without having declared it.
      if (method === "roots/list") return answer({ method, params: {} }, mcpReq.signal);
      if (method === "sampling/createMessage" && capabilities.sampling !== undefined)
        return answer({ method, params }, mcpReq.signal);
      throw Object.assign(new Error("Method not found"), { code: -32601 });
    };
    try {
      const prior = era === "legacy" ? { prior: { kind: "legacy" as const } } : {};
      await abortable(client.connect(transport, { timeout: NO_TIMEOUT, signal, ...prior }), signal);
      // Nobody greets in a session that has begun, and only the greeting opens the stream.
      if (transport.joined === true) transport.resumeStream?.("").catch(options.onError);
      return new Session(client, transport, calls);
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** Whether each request has a stream of its own: HTTP. */
  get hasPerRequestStream(): boolean {
    return this.#transport.hasPerRequestStream === true;
  }

  /** Why it has ended; `undefined` while it lives. */
  get endError(): TransportError | undefined {
    return this.#ended;
  }

  /** Settles when it has ended. Never rejects. */
  get ended(): Promise<TransportError> {
    return this.#transport.ended;
  }

  /**
   * Sends a request.
   *
   * @returns its result; in the modern era it may be one of `resultType: "input_required"`
   * @throws what `failureOf` reads, also after an abort
   */
  request(method: string, params: JsonObject, options: SessionRequestOptions = {}): Promise<JsonObject> {
    return this.#within(options, (sdk) => this.#client.request({ method, params }, ANY, sdk));
  }

  /** A tool call whose arguments the modern era mirrors into headers (`x-mcp-header`): the SDK does that. */
  callMirrored(params: JsonObject, tool: Tool, options: SessionRequestOptions = {}): Promise<JsonObject> {
    return this.#within(
      options,
      (sdk) =>
        this.#client.callTool(params as { name: string }, {
          ...sdk,
          allowInputRequired: true,
          toolDefinition: tool,
        }) as Promise<JsonObject>,
    );
  }

  /** All tools by the SDK's own listing, which leaves out those whose `x-mcp-header` is invalid. */
  async listTools(signal: AbortSignal): Promise<readonly Tool[]> {
    const { tools } = await this.#client.listTools(undefined, {
      signal,
      timeout: NO_TIMEOUT,
      cacheMode: "bypass",
    });
    return tools;
  }

  /** Opens a stream of changes, in the modern era. `closed` tells how it ended. */
  listen(filter: Parameters<Client["listen"]>[0], signal: AbortSignal): ReturnType<Client["listen"]> {
    return this.#client.listen(filter, { signal, timeout: LISTEN_ACK_MS });
  }

  /** Ends the server, or our session with it. Never rejects. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  #within(
    { signal, onProgress, call }: SessionRequestOptions,
    send: (options: RequestOptions) => Promise<JsonObject>,
  ): Promise<JsonObject> {
    if (this.#ended !== undefined) {
      return Promise.reject(new SdkError(SdkErrorCode.NotConnected, this.#ended.message));
    }
    const options: RequestOptions = {
      timeout: NO_TIMEOUT,
      allowInputRequired: true,
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onprogress: onProgress }),
    };
    // Over stdio an answer does not come in the context of its request.
    const tells = call !== undefined && this.hasPerRequestStream;
    return tells ? this.#calls.run(call, send, options) : send(options);
  }
}

/**
 * The request that the SDK's client makes by itself. Without a schema for its result the client first lets the schema that it knows
 * check `undefined`, and words all that is wrong with it: that costs more than the rest of the request.
 */
function bringSchema(client: Client): void {
  const send = client.request.bind(client) as (asked: object, ...others: unknown[]) => Promise<unknown>;
  client.request = (asked: { readonly method: string }, ...others: unknown[]): Promise<never> => {
    const known = asked.method === "initialize" ? [specTypeSchemas.InitializeResult] : [];
    return send(asked, ...known, ...others) as Promise<never>;
  };
}
