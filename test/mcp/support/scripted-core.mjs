/**
 * What a scripted server says, without the SDK, in either era; how it is carried is its caller's. `scripted-server.mjs` carries it
 * over stdio, `scripted-http.ts` over HTTP.
 *
 * A script has
 *   era        "legacy", "modern" or "both". @default "both"
 *   probe      what a legacy server does with `server/discover`: "error", "silent" or "die". @default "error"
 *   dieAtList  exits with this code when it is asked for its tools
 *   mute       methods that it does not answer
 *   refuse     methods that it does not know
 *   tools      more tools: objects of `tools/list`
 *   readOnly   names of tools that are annotated read-only
 */
import { existsSync, writeFileSync } from "node:fs";

const text = (value) => ({ content: [{ type: "text", text: String(value) }] });
const info = { name: "scripted", version: process.env.SCRIPTED_VERSION ?? "1.0.0" };
const capabilities = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: {},
  logging: {},
};
const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

const TOOLS = [
  "echo",
  "pid",
  "count",
  "die",
  "hang",
  "sleep",
  "progress",
  "ask",
  "change",
  "log",
  "wedge",
  "meet",
  "meta",
  "big",
  "structured",
  "misshapen",
  "fail",
  "touch",
  "hold",
  "unlisten",
].map((name) => ({ name, inputSchema: { type: "object" } }));
TOOLS.push(
  { name: "die_once", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "die_once_idempotent", inputSchema: { type: "object" }, annotations: { idempotentHint: true } },
  { name: "die_once_plain", inputSchema: { type: "object" } },
);
TOOLS.find(({ name }) => name === "structured").outputSchema = {
  type: "object",
  properties: { n: { type: "number" } },
  required: ["n"],
};
TOOLS.find(({ name }) => name === "misshapen").outputSchema = {
  type: "object",
  properties: { n: { type: "number" } },
  required: ["n"],
};

/** What all conversations with one start of a server share. */
export class World {
  /**
   * @param script see above
   * @param note records a line
   * @param exit ends the server with a code, and with last words, if any; what is sent afterwards is lost
   */
  constructor(script, note, exit) {
    this.script = { era: "both", probe: "error", ...script };
    this.note = note;
    this.exit = exit;
    this.count = 0;
    this.extra = [];
    this.holding = false;
    this.held = undefined;
    this.nextAsk = 1;
    this.waitingForAnswer = new Map();
    this.meeting = [];
    /** The conversations that may be told of changes. */
    this.listeners = new Set();
  }

  tell(method, params) {
    for (const each of [...this.listeners]) each.tell(method, params);
  }
}

/** One conversation: a process over stdio; over HTTP a session, or in the modern era one request. */
export class Conversation {
  #listening;

  /** @param out is given messages, and the id of the request they belong to, if any */
  constructor(world, { modern, out }) {
    this.world = world;
    this.modern = modern;
    this.out = out;
    this.cancelled = new Set();
  }

  send(about, ...messages) {
    this.out(
      messages.map((message) => ({ jsonrpc: "2.0", ...message })),
      about,
    );
  }

  reply(id, result) {
    this.send(id, this.result(id, result));
  }

  result(id, result) {
    return { id, result: this.modern ? { resultType: "complete", ...result } : result };
  }

  list(id, result) {
    this.reply(id, this.modern ? { ttlMs: 0, cacheScope: "private", ...result } : result);
  }

  refuse(id, code, message) {
    this.send(id, { id, error: { code, message } });
  }

  /** Tells of a change, where it may. */
  tell(method, params = {}) {
    if (!this.modern) return this.send(undefined, { method, params });
    if (this.#listening === undefined) return;
    this.send(this.#listening, { method, params: { ...params, _meta: { [SUBSCRIPTION]: this.#listening } } });
  }

  listen(id, { notifications }) {
    this.#listening = id;
    this.world.listeners.add(this);
    const params = { notifications, _meta: { [SUBSCRIPTION]: id } };
    this.send(id, { method: "notifications/subscriptions/acknowledged", params });
  }

  unlisten() {
    const id = this.#listening;
    if (id === undefined) return;
    this.#listening = undefined;
    this.send(id, { id, result: { resultType: "complete", _meta: { [SUBSCRIPTION]: id } } });
  }

  take(message) {
    const { world } = this;
    const { id, method, params = {} } = message;
    if (method === undefined) {
      world.note("in answer");
      world.waitingForAnswer.get(id)?.(message.result ?? message.error);
      world.waitingForAnswer.delete(id);
      return;
    }
    if (method === "notifications/cancelled") return this.cancel(params.requestId);
    world.note(`in ${method} ${method === "tools/call" ? params.name : (id ?? "")}`);
    const { mute = [], refuse = [] } = world.script;
    if (id === undefined || mute.includes(method)) return;
    const run = refuse.includes(method) ? unknown : (METHODS[method] ?? unknown);
    run(this, id, params);
  }

  cancel(id) {
    this.world.note(`in notifications/cancelled ${id}`);
    this.cancelled.add(id);
  }
}

const RUN = {
  echo: (at, id, args) => at.reply(id, text(args.text ?? "")),
  pid: (at, id) => at.reply(id, text(process.pid)),
  count: (at, id) => at.reply(id, text(++at.world.count)),
  die: (at, _id, args) => at.world.exit(args.code ?? 1, "dying as asked\n"),
  hang: () => {},
  sleep: (at, id, args) => setTimeout(() => !at.cancelled.has(id) && at.reply(id, text("slept")), args.ms),
  progress: (at, id, args, { progressToken }) => {
    const notes = Array.from({ length: args.count }, (_, i) => ({
      method: "notifications/progress",
      params: { progressToken, progress: i + 1 },
    }));
    const last = at.result(id, text("done"));
    if (args.everyMs === undefined) return at.send(id, ...notes, last);
    const step = () => {
      const next = notes.shift();
      at.send(id, next ?? last);
      if (next !== undefined) setTimeout(step, args.everyMs);
    };
    step();
  },
  ask: (at, id, args, _meta, params) => {
    const requestedSchema = args.schema ?? { type: "object", properties: { ok: { type: "string" } } };
    const question = {
      message: args.message ?? "Sure?",
      ...(args.url === undefined
        ? { mode: "form", requestedSchema }
        : { mode: "url", url: args.url, elicitationId: "e-1" }),
    };
    if (at.modern) {
      const answer = params.inputResponses?.q;
      if (answer !== undefined)
        return at.reply(id, text(JSON.stringify({ answer, state: params.requestState })));
      const result = {
        resultType: "input_required",
        inputRequests: { q: { method: "elicitation/create", params: question } },
        requestState: `state-of-${args.message ?? ""}`,
      };
      return at.send(id, { id, result });
    }
    const ask = `ask-${at.world.nextAsk++}`;
    at.world.waitingForAnswer.set(ask, (answer) => at.reply(id, text(JSON.stringify({ answer }))));
    at.send(id, { id: ask, method: "elicitation/create", params: question });
  },
  change: (at, id, args) => {
    const { world } = at;
    world.extra = [
      ...world.extra.filter(({ name }) => name !== args.add && name !== args.remove),
      ...(args.add
        ? [{ name: args.add, description: args.description, inputSchema: { type: "object" } }]
        : []),
    ];
    for (let i = 0; i < (args.times ?? 1); i++) world.tell("notifications/tools/list_changed");
    at.reply(id, text("changed"));
  },
  // The next list is answered as of then, and only after the list that follows it.
  hold: (at, id) => {
    at.world.holding = true;
    at.reply(id, text("holding"));
  },
  // Ends the stream of changes; what changes now goes unnoticed.
  unlisten: (at, id, args) => {
    for (const each of at.world.listeners) each.unlisten();
    at.world.extra.push({ name: args.add, inputSchema: { type: "object" } });
    at.reply(id, text("no more news"));
  },
  log: (at, id, args) => {
    const params = { level: args.level ?? "info", data: args.data };
    at.send(id, { method: "notifications/message", params });
    at.reply(id, text("logged"));
  },
  // Nothing runs in it any more; an endless loop would also take a core from the test.
  wedge: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  meet: (at, id) => {
    const { meeting } = at.world;
    meeting.push(() => at.reply(id, text("met")));
    if (meeting.length === 2) for (const each of meeting.splice(0)) each();
  },
  meta: (at, id, _args, meta) => at.reply(id, text(JSON.stringify(meta))),
  big: (at, id, args) => at.reply(id, text("x".repeat(args.bytes))),
  structured: (at, id) => at.reply(id, { content: [], structuredContent: { n: 1 } }),
  misshapen: (at, id) => at.reply(id, { content: [], structuredContent: { n: "one" } }),
  fail: (at, id) => at.reply(id, { ...text("it failed"), isError: true }),
  touch: (at, id, args) => {
    at.world.tell("notifications/resources/updated", { uri: args.uri });
    at.reply(id, text("touched"));
  },
};
for (const name of ["die_once", "die_once_idempotent", "die_once_plain"]) {
  RUN[name] = (at, id, args) => {
    if (existsSync(args.flag)) return at.reply(id, text("survived"));
    writeFileSync(args.flag, "");
    at.world.exit(1);
  };
}

const METHODS = {
  "server/discover": (at, id) => {
    const { era, probe } = at.world.script;
    if (era === "legacy") {
      if (probe === "die") return at.world.exit(9);
      if (probe === "silent") return;
      return unknown(at, id);
    }
    at.modern = true;
    const _meta = { "io.modelcontextprotocol/serverInfo": info };
    const discovered = { supportedVersions: ["2026-07-28"], capabilities, _meta };
    at.reply(id, { ...discovered, ttlMs: 0, cacheScope: "private" });
  },
  initialize: (at, id, { protocolVersion }) => {
    if (at.world.script.era === "modern") return unknown(at, id);
    at.modern = false;
    at.reply(id, { protocolVersion, capabilities, serverInfo: info, instructions: "be kind" });
  },
  "subscriptions/listen": (at, id, params) => at.listen(id, params),
  ping: (at, id) => at.reply(id, {}),
  "tools/list": (at, id) => {
    const { world } = at;
    if (world.script.dieAtList !== undefined) return world.exit(world.script.dieAtList);
    const { readOnly = [], tools = [] } = world.script;
    const annotations = { readOnlyHint: true };
    const own = TOOLS.map((tool) => (readOnly.includes(tool.name) ? { ...tool, annotations } : tool));
    const listed = { tools: [...own, ...world.extra, ...tools] };
    if (world.holding) {
      world.holding = false;
      world.held = () => at.list(id, listed);
      return;
    }
    at.list(id, listed);
    world.held?.();
    world.held = undefined;
  },
  "tools/call": (at, id, params) => {
    const run = RUN[params.name];
    if (run === undefined) return at.refuse(id, -32602, `Unknown tool: ${params.name}`);
    run(at, id, params.arguments ?? {}, params._meta ?? {}, params);
  },
  "resources/list": (at, id) => at.list(id, { resources: [{ uri: "test://a", name: "a" }] }),
  "resources/templates/list": (at, id) => at.list(id, { resourceTemplates: [] }),
  "resources/read": (at, id, { uri }) => at.list(id, { contents: [{ uri, text: "content" }] }),
  "resources/subscribe": (at, id) => at.reply(id, {}),
  "resources/unsubscribe": (at, id) => at.reply(id, {}),
  "prompts/list": (at, id) => at.list(id, { prompts: [{ name: "p" }] }),
  "prompts/get": (at, id, { name }) =>
    at.reply(id, { messages: [{ role: "user", content: { type: "text", text: name } }] }),
  "logging/setLevel": (at, id) => at.reply(id, {}),
};

function unknown(at, id) {
  at.refuse(id, -32601, "Method not found");
}
