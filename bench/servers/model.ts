/**
 * The cheapest model that makes a turn of one tool call: a first request gets the call, a request with its result gets
 * the answer.
 *
 * The answers are made beforehand but for their ids; of a request only its tail is looked at. `hold` keeps all
 * answers back until `release`, so that the memory of many turns in flight can be measured.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answer } from "../child.ts";
import { FINAL_ANSWER, PROMPT_MARK, SERVER, TOOL } from "../scenario.ts";

export type ModelQuestions = {
  start: { params: undefined; result: { readonly baseUrl: string } };
  hold: { params: undefined; result: undefined };
  release: { params: undefined; result: undefined };
  stats: { params: undefined; result: ModelStats };
};

export interface ModelStats {
  readonly cpuMs: number;
  readonly requests: number;
  readonly held: number;
  /** Requests for other paths, by method and path: each would be a cost we did not mean to measure. */
  readonly others: Readonly<Record<string, number>>;
}

const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const ID = "\0";
const template = (item: object, outputTokens: number): string[] =>
  [
    event("response.created", { response: { id: `resp_${ID}` } }),
    event("response.output_item.done", { output_index: 0, item }),
    event("response.completed", {
      response: {
        id: `resp_${ID}`,
        usage: {
          input_tokens: 100,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: outputTokens,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 100 + outputTokens,
        },
      },
    }),
  ]
    .join("")
    // JSON writes the control character as an escape.
    .split("\\u0000");
const CALL = template(
  {
    id: `fc_${ID}`,
    type: "function_call",
    status: "completed",
    call_id: `call_${ID}`,
    namespace: `mcp__${SERVER}`,
    name: TOOL,
    arguments: "{}",
  },
  20,
);
const ANSWER = template(
  {
    id: `msg_${ID}`,
    type: "message",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: FINAL_ANSWER, annotations: [] }],
  },
  10,
);

let requests = 0;
let holding = false;
const held: (() => void)[] = [];
const others: Record<string, number> = {};

const server = createServer((request, response) => {
  const { method, url = "" } = request;
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (method === "POST" && url.endsWith("/responses")) return respond(Buffer.concat(chunks), response);
    const what = `${method} ${url.split("?", 1)[0]}`;
    others[what] = (others[what] ?? 0) + 1;
    response.writeHead(404, { "content-length": 0 }).end();
  });
});
server.keepAliveTimeout = 120_000;

function respond(body: Buffer, response: ServerResponse): void {
  const id = `${requests++}`;
  const asked = body.lastIndexOf(PROMPT_MARK) > body.lastIndexOf('"function_call_output"');
  const send = (): void => {
    const text = (asked ? CALL : ANSWER).join(id);
    const headers = { "content-type": "text/event-stream", "content-length": Buffer.byteLength(text) };
    response.writeHead(200, headers).end(text);
  };
  if (holding) held.push(send);
  else send();
}

answer<ModelQuestions>(
  {
    start: () =>
      new Promise((resolve) =>
        server.listen(0, "127.0.0.1", () =>
          resolve({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` }),
        ),
      ),
    hold: () => void (holding = true),
    release: () => {
      holding = false;
      for (const send of held.splice(0)) send();
    },
    stats: () => {
      const { user, system } = process.cpuUsage();
      return { cpuMs: (user + system) / 1000, requests, held: held.length, others };
    },
  },
  () => Promise.resolve(server.closeAllConnections()),
);
