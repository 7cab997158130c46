/**
 * The scripted server over HTTP, of both eras, with sessions or without, and whatever a test puts in front of it.
 *
 * It is of this process, so a test can stop it, start it again at the same URL, and answer in its place.
 */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import {
  events,
  json,
  type RawAnswer,
  RawPeer,
  type RawRequest,
} from "../../../src/testing/http-server/raw-peer.ts";
import { Conversation, type Message, World } from "./scripted-core.mjs";
import type { Script } from "./scripted.ts";

export interface HttpScript extends Pick<Script, "era" | "tools" | "readOnly" | "refuse"> {
  /** Of the legacy era: whether there are sessions. @default true */
  readonly sessions?: boolean;
  /** What a request of a session that is not known is answered with. @default 404 */
  lostStatus?: number;
}

type Id = string | number;

/** Of this process alone, so that no other test comes to listen where a server was stopped. */
const HOST = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255 || 1}`;

export class ScriptedHttpServer implements AsyncDisposable {
  /** Answers in place of the server where it returns `true`. */
  intercept: (request: RawRequest, response: ServerResponse) => boolean = () => false;
  /** As `scripted-server.mjs` records: `start`, and `in METHOD …`. */
  readonly record: string[] = [];
  /** Sessions by id, with the standing stream of each. */
  readonly sessions: Map<string, Session> = new Map();
  readonly #script: HttpScript;
  #world: World;
  #peer: RawPeer | undefined;
  readonly #port: number;
  #requests: readonly RawRequest[] = [];

  private constructor(script: HttpScript, peer: RawPeer) {
    this.#script = script;
    this.#peer = peer;
    this.#port = peer.port;
    this.#world = this.#begin();
    peer.answer = this.#answer;
  }

  static async start(script: HttpScript = {}): Promise<ScriptedHttpServer> {
    return new ScriptedHttpServer(script, await RawPeer.start(() => {}, 0, HOST));
  }

  get url(): string {
    return `http://${HOST}:${this.#port}/mcp`;
  }

  /** Open connections to it. */
  get connections(): number {
    return this.#peer?.connections ?? 0;
  }

  /** All requests so far, with this method of JSON-RPC, or of HTTP. */
  asked(method: string): readonly RawRequest[] {
    const all = [...this.#requests, ...(this.#peer?.requests ?? [])];
    return all.filter((request) => request.rpcMethod === method || request.method === method);
  }

  /** How often a tool was called, whether it was carried out or not. */
  calls(tool: string): number {
    const isOf = ({ body }: RawRequest): boolean =>
      (body as { readonly params: { readonly name?: string } }).params.name === tool;
    return this.asked("tools/call").filter(isOf).length;
  }

  /** Waits until a check of the running server holds. */
  async waitFor(what: string, check: () => boolean): Promise<void> {
    if (this.#peer === undefined) throw new Error("It is stopped");
    const signal = AbortSignal.timeout(20_000);
    await this.#peer.waitFor(check, { signal }).catch((cause: unknown) => {
      throw new Error(`Not reached in time: ${what}; it got\n${this.record.join("\n")}`, { cause });
    });
  }

  /** Ends the server with its sessions and its connections: nothing answers at its URL. */
  async stop(): Promise<void> {
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer === undefined) return;
    this.#requests = [...this.#requests, ...peer.requests];
    await peer[Symbol.asyncDispose]();
  }

  /** Starts it again at the same URL; it knows nothing of before. */
  async again(): Promise<void> {
    this.#world = this.#begin();
    this.#peer = await RawPeer.start(this.#answer, this.#port, HOST);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.again();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #begin(): World {
    this.sessions.clear();
    const note = (line: string): void => void this.record.push(line);
    note("start");
    return new World(this.#script, note, () => void this.restart());
  }

  readonly #answer: RawAnswer = (request, response) => {
    if (this.intercept(request, response)) return;
    const { headers, method } = request;
    if (headers["mcp-protocol-version"] === "2026-07-28") return this.#answerModern(request, response);
    const { era = "both", sessions = true, lostStatus = 404 } = this.#script;
    if (era === "modern") return this.#refuse(response, 400, "Unsupported protocol version");
    if (request.rpcMethod === "initialize" && sessions) {
      const session = new Session(this.#world);
      this.sessions.set(session.id, session);
      return session.take(request, response, { "mcp-session-id": session.id });
    }
    if (!sessions) {
      if (method !== "POST") return void response.writeHead(405).end();
      return new Session(this.#world).take(request, response);
    }
    const id = headers["mcp-session-id"];
    const session = id === undefined ? undefined : this.sessions.get(id);
    if (session === undefined)
      return this.#refuse(response, id === undefined ? 400 : lostStatus, "No valid session ID provided");
    if (method === "GET") return session.stand(response);
    if (method === "DELETE") {
      session.end();
      this.sessions.delete(session.id);
      return void response.writeHead(200).end();
    }
    session.take(request, response);
  };

  #answerModern(request: RawRequest, response: ServerResponse): void {
    const { era = "both" } = this.#script;
    if (era === "legacy") return this.#refuse(response, 400, "Bad Request: Server not initialized");
    const { id } = request;
    const answer = new Answer(response, {});
    const conversation = new Conversation(this.#world, {
      modern: true,
      out: (messages) => answer.write(messages),
    });
    response.on("close", () => {
      this.#world.listeners.delete(conversation);
      if (!response.writableEnded && id !== undefined && request.rpcMethod === "tools/call")
        conversation.cancel(id);
    });
    if (id === undefined) response.writeHead(202).end();
    conversation.take(request.body as object);
  }

  #refuse(response: ServerResponse, status: number, message: string): void {
    json(response, { jsonrpc: "2.0", id: null, error: { code: -32000, message } }, status);
  }
}

/** The answer to one request: JSON, or events if anything comes before the result. */
class Answer {
  readonly #response: ServerResponse;
  readonly #headers: object;

  constructor(response: ServerResponse, headers: object) {
    this.#response = response;
    this.#headers = headers;
  }

  write(messages: readonly Message[]): void {
    const [first] = messages;
    if (this.#response.destroyed || first === undefined) return;
    const ends = messages.some(({ method }) => method === undefined);
    if (ends && messages.length === 1 && !this.#response.headersSent)
      return json(this.#response, first, 200, this.#headers);
    for (const [name, value] of Object.entries(this.#headers))
      this.#response.setHeader(name, value as string);
    this.#response.cork();
    events(this.#response, ...messages);
    this.#response.uncork();
    if (ends) this.#response.end();
  }
}

/** A session of the legacy era. */
class Session {
  readonly id: string = randomUUID();
  readonly #world: World;
  readonly #conversation: Conversation;
  readonly #answers = new Map<Id, Answer>();
  #stream: ServerResponse | undefined;

  constructor(world: World) {
    this.#world = world;
    this.#conversation = new Conversation(world, {
      modern: false,
      out: (messages, about) => this.#send(messages, about),
    });
    world.listeners.add(this.#conversation);
  }

  take({ id, rpcMethod, body }: RawRequest, response: ServerResponse, headers: object = {}): void {
    if (rpcMethod === undefined || id === undefined) response.writeHead(202).end();
    else this.#answers.set(id, new Answer(response, headers));
    this.#conversation.take(body as object);
  }

  /** Whether its standing stream is open. */
  get stands(): boolean {
    return this.#stream !== undefined;
  }

  stand(response: ServerResponse): void {
    this.#stream = response;
    response.on("close", () => (this.#stream = undefined));
    events(response);
  }

  /** Breaks the standing stream off. */
  cut(): void {
    this.#stream?.destroy();
  }

  end(): void {
    this.#stream?.end();
    this.#world.listeners.delete(this.#conversation);
  }

  #send(messages: readonly Message[], about: Id | undefined): void {
    if (about === undefined) return void (this.#stream !== undefined && events(this.#stream, ...messages));
    this.#answers.get(about)?.write(messages);
    if (messages.some(({ method, id }) => method === undefined && id === about)) this.#answers.delete(about);
  }
}
