/**
 * An MCP server over stdio that misbehaves on cue, without the SDK: it speaks what its script says, in either era.
 *
 * Its first argument is a JSON object:
 *   era        "legacy", "modern" or "both". @default "both"
 *   record     a file that gets a line for each start (`start PID`) and each message (`in METHOD …`)
 *   probe      what a legacy server does with `server/discover`: "error", "silent" or "die". @default "error"
 *   delayMs    waits before it reads
 *   dieAtStart exits with this code
 *   dieAtList  exits with this code when it is asked for its tools
 *   stubborn   ignores SIGTERM and the end of stdin
 *   wrapped    starts a child that leaves the process group and stays
 *   forked     starts a grandchild that leaves the process group, loses its parent and stays
 *   flood      writes to stderr without end
 *   mute       methods that it does not answer
 *   refuse     methods that it does not know
 *   tools      more tools: objects of `tools/list`
 *   readOnly   names of tools that are annotated read-only
 */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const script = JSON.parse(process.argv[2] ?? "{}");
const { era = "both", probe = "error", record, delayMs = 0 } = script;
const note = (line) => record !== undefined && appendFileSync(record, `${line}\n`);
note(`start ${process.pid}`);

if (script.stubborn) for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
if (script.wrapped) {
  const stay = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1e9)";
  spawn(process.execPath, ["-e", stay], { detached: true, stdio: ["ignore", "inherit", "ignore"] }).unref();
}
if (script.forked) spawn("/bin/sh", ["-c", `(trap '' TERM; exec setsid sleep 1000) >/dev/null 2>&1 &`]);
if (script.flood) setInterval(() => process.stderr.write(`${"x".repeat(500)}\n`.repeat(50)), 1);
if (script.dieAtStart !== undefined) {
  process.stderr.write("cannot go on\n");
  process.exit(script.dieAtStart);
}

let modern = false;
let count = 0;
let extra = [];
let holding = false;
let held;
let nextAsk = 1;
const waitingForAnswer = new Map();
const cancelled = new Set();
const meeting = [];

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const stamp = (result) => (modern ? { resultType: "complete", ...result } : result);
const lists = (result) => (modern ? { ttlMs: 0, cacheScope: "private", ...result } : result);
const reply = (id, result) => send({ id, result: stamp(result) });
const refuse = (id, code, message) => send({ id, error: { code, message } });
const text = (value) => ({ content: [{ type: "text", text: String(value) }] });
const info = { name: "scripted", version: process.env.SCRIPTED_VERSION ?? "1.0.0" };
const capabilities = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: {},
  logging: {},
};

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
].map((name) => ({
  name,
  inputSchema: { type: "object" },
  ...(script.readOnly?.includes(name) ? { annotations: { readOnlyHint: true } } : {}),
}));
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

const RUN = {
  echo: (id, args) => reply(id, text(args.text ?? "")),
  pid: (id) => reply(id, text(process.pid)),
  count: (id) => reply(id, text(++count)),
  die: (id, args) => {
    process.stderr.write("dying as asked\n");
    process.exit(args.code ?? 1);
  },
  hang: () => {},
  sleep: (id, args) => setTimeout(() => !cancelled.has(id) && reply(id, text("slept")), args.ms),
  progress: (id, args, meta) => {
    const notes = Array.from({ length: args.count }, (_, i) => ({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: meta.progressToken, progress: i + 1 },
    }));
    const last = { jsonrpc: "2.0", id, result: stamp(text("done")) };
    if (args.everyMs === undefined)
      process.stdout.write([...notes, last].map((each) => `${JSON.stringify(each)}\n`).join(""));
    else {
      const step = () => {
        const next = notes.shift();
        if (next === undefined) return void process.stdout.write(`${JSON.stringify(last)}\n`);
        process.stdout.write(`${JSON.stringify(next)}\n`);
        setTimeout(step, args.everyMs);
      };
      step();
    }
  },
  ask: (id, args, _meta, params) => {
    const question = {
      mode: "form",
      message: args.message ?? "Sure?",
      requestedSchema: { type: "object", properties: { ok: { type: "string" } } },
    };
    if (modern) {
      const answer = params.inputResponses?.q;
      if (answer !== undefined)
        return reply(id, text(JSON.stringify({ answer, state: params.requestState })));
      return send({
        id,
        result: {
          resultType: "input_required",
          inputRequests: { q: { method: "elicitation/create", params: question } },
          requestState: `state-of-${args.message ?? ""}`,
        },
      });
    }
    const ask = `ask-${nextAsk++}`;
    waitingForAnswer.set(ask, (answer) => reply(id, text(JSON.stringify({ answer }))));
    send({ id: ask, method: "elicitation/create", params: question });
  },
  change: (id, args) => {
    extra = [
      ...extra.filter(({ name }) => name !== args.add && name !== args.remove),
      ...(args.add
        ? [{ name: args.add, description: args.description, inputSchema: { type: "object" } }]
        : []),
    ];
    for (let i = 0; i < (args.times ?? 1); i++) notifyChange("tools");
    reply(id, text("changed"));
  },
  // The next list is answered as of then, and only after the list that follows it.
  hold: (id) => {
    holding = true;
    reply(id, text("holding"));
  },
  // Ends the stream of changes; what changes now goes unnoticed.
  unlisten: (id, args) => {
    send({
      id: listening,
      result: { resultType: "complete", _meta: { "io.modelcontextprotocol/subscriptionId": listening } },
    });
    listening = undefined;
    extra.push({ name: args.add, inputSchema: { type: "object" } });
    reply(id, text("no more news"));
  },
  log: (id, args) => {
    send({ method: "notifications/message", params: { level: args.level ?? "info", data: args.data } });
    reply(id, text("logged"));
  },
  // Nothing runs in it any more; an endless loop would also take a core from the test.
  wedge: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  meet: (id) => {
    meeting.push(id);
    if (meeting.length === 2) for (const each of meeting.splice(0)) reply(each, text("met"));
  },
  meta: (id, _args, meta) => reply(id, text(JSON.stringify(meta))),
  big: (id, args) => reply(id, text("x".repeat(args.bytes))),
  structured: (id) => reply(id, { content: [], structuredContent: { n: 1 } }),
  misshapen: (id) => reply(id, { content: [], structuredContent: { n: "one" } }),
  fail: (id) => reply(id, { ...text("it failed"), isError: true }),
  touch: (id, args) => {
    const _meta = modern ? { _meta: { "io.modelcontextprotocol/subscriptionId": listening } } : {};
    send({ method: "notifications/resources/updated", params: { uri: args.uri, ..._meta } });
    reply(id, text("touched"));
  },
};
for (const name of ["die_once", "die_once_idempotent", "die_once_plain"]) {
  RUN[name] = (id, args) => {
    if (existsSync(args.flag)) return reply(id, text("survived"));
    writeFileSync(args.flag, "");
    process.exit(1);
  };
}

let listening;
const notifyChange = (kind) => {
  const method = `notifications/${kind}/list_changed`;
  if (!modern) send({ method });
  else if (listening !== undefined)
    send({ method, params: { _meta: { "io.modelcontextprotocol/subscriptionId": listening } } });
};

const METHODS = {
  ping: (id) => reply(id, {}),
  "tools/list": (id) => {
    if (script.dieAtList !== undefined) process.exit(script.dieAtList);
    const listed = lists({ tools: [...TOOLS, ...extra, ...(script.tools ?? [])] });
    if (holding) {
      holding = false;
      held = () => reply(id, listed);
      return;
    }
    reply(id, listed);
    held?.();
    held = undefined;
  },
  "tools/call": (id, params) => {
    const run = RUN[params.name];
    if (run === undefined) return refuse(id, -32602, `Unknown tool: ${params.name}`);
    return run(id, params.arguments ?? {}, params._meta ?? {}, params);
  },
  "resources/list": (id) => reply(id, lists({ resources: [{ uri: "test://a", name: "a" }] })),
  "resources/templates/list": (id) => reply(id, lists({ resourceTemplates: [] })),
  "resources/read": (id, params) => reply(id, lists({ contents: [{ uri: params.uri, text: "content" }] })),
  "resources/subscribe": (id) => reply(id, {}),
  "resources/unsubscribe": (id) => reply(id, {}),
  "prompts/list": (id) => reply(id, lists({ prompts: [{ name: "p" }] })),
  "prompts/get": (id, params) =>
    reply(id, { messages: [{ role: "user", content: { type: "text", text: params.name } }] }),
  "logging/setLevel": (id) => reply(id, {}),
};

const take = (message) => {
  const { id, method, params = {} } = message;
  note(
    `in ${method ?? "answer"} ${method === "tools/call" ? params.name : method === "notifications/cancelled" ? params.requestId : (id ?? "")}`,
  );
  if (method === undefined) {
    waitingForAnswer.get(id)?.(message.result ?? message.error);
    waitingForAnswer.delete(id);
    return;
  }
  if (method === "notifications/cancelled") return void cancelled.add(params.requestId);
  if (id === undefined) return;
  if (method === "server/discover") {
    if (era === "legacy") {
      if (probe === "die") process.exit(9);
      if (probe === "silent") return;
      return refuse(id, -32601, "Method not found");
    }
    modern = true;
    return reply(id, {
      supportedVersions: ["2026-07-28"],
      capabilities,
      _meta: { "io.modelcontextprotocol/serverInfo": info },
      ttlMs: 0,
      cacheScope: "private",
    });
  }
  if (method === "initialize") {
    if (era === "modern") return refuse(id, -32601, "Method not found");
    modern = false;
    return reply(id, {
      protocolVersion: params.protocolVersion,
      capabilities,
      serverInfo: info,
      instructions: "be kind",
    });
  }
  if (method === "subscriptions/listen") {
    listening = id;
    return send({
      method: "notifications/subscriptions/acknowledged",
      params: {
        notifications: params.notifications,
        _meta: { "io.modelcontextprotocol/subscriptionId": id },
      },
    });
  }
  if (script.mute?.includes(method)) return;
  const run = METHODS[method];
  if (run === undefined || script.refuse?.includes(method)) return refuse(id, -32601, "Method not found");
  run(id, params);
};

setTimeout(() => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => take(JSON.parse(line)));
  lines.on("close", () => {
    if (!script.stubborn) process.exit(0);
    setInterval(() => {}, 1e9);
  });
}, delayMs);
