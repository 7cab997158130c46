/**
 * A server that has all that the official conformance suite asks for, in both eras. What asks does so by results that ask for input;
 * for a client of the legacy era the SDK makes questions of them.
 */
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type InputRequests,
  inputRequired,
  McpServer,
  ProtocolError,
  type ServerContext,
} from "@modelcontextprotocol/server";

const IMAGE =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const AUDIO = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const text = (value: string): { content: { type: "text"; text: string }[] } => ({
  content: [{ type: "text", text: value }],
});

const states = createRequestStateCodec<Record<string, unknown>>({
  key: crypto.getRandomValues(new Uint8Array(32)),
});

/** What all conversations with one server share. */
export class EverythingWorld {
  readonly tools: Set<string> = new Set();
  readonly prompts: Set<string> = new Set();
  /** Tells of a change, to whoever may be told. */
  onChange: (list: "tools" | "prompts") => void = () => {};

  toggle(list: "tools" | "prompts"): void {
    const name = `extra_${list}`;
    if (!this[list].delete(name)) this[list].add(name);
    this.onChange(list);
  }
}

type Context = ServerContext;
type Args = Readonly<Record<string, unknown>>;
type Run = (context: Context, args: Args, world: EverythingWorld) => unknown;

const form = (properties: object, message: string): ReturnType<typeof inputRequired.elicit> =>
  inputRequired.elicit({ message, requestedSchema: { type: "object", properties } as never });
const askName = (): ReturnType<typeof form> => form({ name: { type: "string" } }, "What is your name?");
const askModel = (words: string): ReturnType<typeof inputRequired.createMessage> =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: words } }],
    maxTokens: 100,
  });

function responseOf<T>({ mcpReq }: Context, key: string): T | undefined {
  return mcpReq.inputResponses?.[key] as T | undefined;
}

function accepted<T>({ mcpReq }: Context, key: string): T | undefined {
  return acceptedContent(mcpReq.inputResponses, key) as T | undefined;
}

/** Asks one thing, and says what was answered. */
const asks =
  (properties: object, words?: string): Run =>
  (context, args) => {
    const answer = responseOf<{ action: string; content?: object }>(context, "q");
    if (answer === undefined)
      return inputRequired({ inputRequests: { q: form(properties, words ?? String(args["message"])) } });
    return text(`action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
  };

const steps = async (each: (step: number) => Promise<void>): Promise<void> => {
  for (const step of [0, 1, 2]) await each(step);
};

const resource = (uri: string, mimeType: string, content: string): object => ({
  type: "resource",
  resource: { uri, mimeType, text: content },
});
const image = { type: "image", data: IMAGE, mimeType: "image/png" };

const RUN: Readonly<Record<string, Run>> = {
  test_simple_text: () => text("This is a simple text response for testing."),
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [{ type: "audio", data: AUDIO, mimeType: "audio/wav" }] }),
  test_embedded_resource: () => ({
    content: [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  }),
  test_multiple_content_types: () => ({
    content: [
      { type: "text", text: "Multiple content types test:" },
      image,
      resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  }),
  test_tool_with_logging: async ({ mcpReq }) => {
    await steps((step) =>
      mcpReq.notify({ method: "notifications/message", params: { level: "info", data: `step ${step}` } }),
    );
    return text("Tool with logging executed successfully");
  },
  test_tool_with_progress: async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    await steps(async (step) => {
      const params = { progress: step * 50, total: 100, message: `step ${step}` };
      if (progressToken !== undefined)
        await mcpReq.notify({ method: "notifications/progress", params: { progressToken, ...params } });
    });
    return text(String(progressToken));
  },
  test_error_handling: () => ({
    ...text("This tool intentionally returns an error for testing"),
    isError: true,
  }),
  test_sampling: (context, args) => {
    const answer = responseOf<{ content?: { text?: string } }>(context, "q");
    if (answer === undefined)
      return inputRequired({ inputRequests: { q: askModel(String(args["prompt"])) } });
    return text(`LLM response: ${answer.content?.text}`);
  },
  test_elicitation: asks({ response: { type: "string", description: "User's response" } }),
  test_elicitation_sep1034_defaults: asks(
    {
      name: { type: "string", default: "John Doe" },
      age: { type: "integer", default: 30 },
      score: { type: "number", default: 95.5 },
      status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
      verified: { type: "boolean", default: true },
    },
    "Please review and update the form fields with defaults",
  ),
  test_elicitation_sep1330_enums: asks(
    {
      untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
      titledSingle: {
        type: "string",
        oneOf: [
          { const: "value1", title: "First Option" },
          { const: "value2", title: "Second Option" },
        ],
      },
      legacyEnum: { type: "string", enum: ["opt1", "opt2"], enumNames: ["Option One", "Option Two"] },
      untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2"] } },
      titledMulti: {
        type: "array",
        items: {
          anyOf: [
            { const: "value1", title: "First Choice" },
            { const: "value2", title: "Second Choice" },
          ],
        },
      },
    },
    "Please select options from the enum fields",
  ),
  test_missing_capability: (context) =>
    responseOf(context, "q") === undefined
      ? inputRequired({ inputRequests: { q: askModel("Reply with the single word: pong") } })
      : text("sampling round-trip complete"),
  test_streaming_elicitation: () => text("result frames only"),
  test_logging_tool: async ({ mcpReq }) => {
    const params = { level: "info", data: "delivered only when the request asks for it" } as const;
    const envelope = mcpReq.envelope as Readonly<Record<string, unknown>> | undefined;
    if (envelope?.["io.modelcontextprotocol/logLevel"] !== undefined)
      await mcpReq.notify({ method: "notifications/message", params });
    return text("logged");
  },
  test_trigger_tool_change: (_context, _args, world) => {
    world.toggle("tools");
    return text("changed");
  },
  test_trigger_prompt_change: (_context, _args, world) => {
    world.toggle("prompts");
    return text("changed");
  },
  test_input_required_result_elicitation: (context) => {
    const name = accepted<{ name?: string }>(context, "user_name")?.name;
    if (typeof name !== "string") return inputRequired({ inputRequests: { user_name: askName() } });
    return text(`Hello, ${name}!`);
  },
  test_input_required_result_sampling: (context) => {
    const answer = responseOf<{ content?: { text?: string } }>(context, "capital_question");
    if (answer === undefined)
      return inputRequired({
        inputRequests: { capital_question: askModel("What is the capital of France?") },
      });
    return text(`Sampling response: ${answer.content?.text}`);
  },
  test_input_required_result_list_roots: (context) => {
    const roots = responseOf<{ roots?: { uri: string }[] }>(context, "client_roots")?.roots;
    if (!Array.isArray(roots))
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
    return text(`Client exposed ${roots.length} root(s): ${roots.map(({ uri }) => uri).join(", ")}`);
  },
  test_input_required_result_request_state: async (context) => {
    if (accepted(context, "confirm") === undefined)
      return inputRequired({
        inputRequests: { confirm: form({ ok: { type: "boolean" } }, "Please confirm") },
        requestState: await states.mint({ tool: "request_state" }),
      });
    if (context.mcpReq.requestState() === undefined) throw new ProtocolError(-32602, "Invalid requestState");
    return text("state-ok: requestState verified and confirmation received");
  },
  test_input_required_result_multiple_inputs: async (context) => {
    const name = accepted<{ name?: string }>(context, "user_name")?.name;
    const greeting = responseOf<{ content?: { text?: string } }>(context, "greeting")?.content?.text;
    const roots = responseOf<{ roots?: unknown[] }>(context, "client_roots")?.roots;
    if (typeof name !== "string" || typeof greeting !== "string" || !Array.isArray(roots))
      return inputRequired({
        inputRequests: {
          user_name: askName(),
          greeting: askModel("Generate a greeting"),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await states.mint({ tool: "multiple_inputs" }),
      });
    return text(`${greeting} ${name}: ${roots.length} root(s) visible`);
  },
  test_input_required_result_multi_round: async (context) => {
    const state = context.mcpReq.requestState<Record<string, unknown>>();
    const round = typeof state?.["round"] === "number" ? state["round"] : 0;
    if (round === 0)
      return inputRequired({
        inputRequests: { step1: askName() },
        requestState: await states.mint({ round: 1 }),
      });
    if (round === 1) {
      const name = accepted<{ name?: string }>(context, "step1")?.name ?? "unknown";
      return inputRequired({
        inputRequests: { step2: form({ color: { type: "string" } }, "Step 2: What is your favorite color?") },
        requestState: await states.mint({ round: 2, name }),
      });
    }
    const color = accepted<{ color?: string }>(context, "step2")?.color ?? "unknown";
    return text(`Multi-round complete: ${String(state?.["name"])} likes ${color}`);
  },
  test_input_required_result_tampered_state: async (context) => {
    if (context.mcpReq.requestState() !== undefined && accepted(context, "confirm") !== undefined)
      return text("integrity-ok: requestState verified");
    return inputRequired({
      inputRequests: { confirm: form({ ok: { type: "boolean" } }, "Please confirm") },
      requestState: await states.mint({ tool: "tampered_state" }),
    });
  },
  test_input_required_result_capabilities: (context) => {
    if (context.mcpReq.inputResponses !== undefined) return text("fulfilled");
    const envelope = context.mcpReq.envelope as Readonly<Record<string, Record<string, unknown>>> | undefined;
    const declared = envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
    const inputRequests: InputRequests = {
      ...(declared["elicitation"] === undefined ? {} : { user_name: askName() }),
      ...(declared["sampling"] === undefined ? {} : { greeting: askModel("Generate a short greeting") }),
      ...(declared["roots"] === undefined ? {} : { client_roots: inputRequired.listRoots() }),
    };
    return Object.keys(inputRequests).length === 0
      ? text("nothing can be asked")
      : inputRequired({ inputRequests });
  },
};

const SCHEMA_2020 = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: { address: { $anchor: "addressDef", type: "object", properties: { street: { type: "string" } } } },
  properties: { name: { type: "string" }, address: { $ref: "#/$defs/address" } },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // oxlint wants no object that could be taken for a promise; this is a schema.
  ...(JSON.parse('{ "then": { "required": ["phone"] } }') as object),
  else: { required: ["email"] },
  additionalProperties: false,
};

const RESOURCES = [
  { uri: "test://static-text", name: "static-text", mimeType: "text/plain" },
  { uri: "test://static-binary", name: "static-binary", mimeType: "image/png" },
  { uri: "test://watched-resource", name: "watched-resource", mimeType: "text/plain" },
];

const user = (content: object): object => ({ role: "user", content });
const ARGUMENTS = {
  test_prompt_with_arguments: ["arg1", "arg2"],
  test_prompt_with_embedded_resource: ["resourceUri"],
} as Readonly<Record<string, readonly string[]>>;

const PROMPTS: Readonly<Record<string, (context: Context, args: Args) => unknown>> = {
  test_simple_prompt: () => ({
    messages: [user({ type: "text", text: "This is a simple prompt for testing." })],
  }),
  test_prompt_with_arguments: (_context, { arg1, arg2 }) => ({
    messages: [
      user({ type: "text", text: `Prompt with arguments: arg1='${String(arg1)}', arg2='${String(arg2)}'` }),
    ],
  }),
  test_prompt_with_embedded_resource: (_context, { resourceUri }) => ({
    messages: [user(resource(String(resourceUri), "text/plain", "Embedded resource content for testing."))],
  }),
  test_prompt_with_image: () => ({
    messages: [user(image), user({ type: "text", text: "Please analyze the image above." })],
  }),
  test_input_required_result_prompt: (context) => {
    const given = accepted<{ context?: string }>(context, "user_context")?.context;
    if (typeof given !== "string")
      return inputRequired({
        inputRequests: { user_context: form({ context: { type: "string" } }, "What context should it use?") },
      });
    return { messages: [user({ type: "text", text: `Use the following context: ${given}` })] };
  },
};

/** One conversation, or in the modern era over HTTP one request. */
export function createEverything(world: EverythingWorld): McpServer {
  const mcp = new McpServer(
    { name: "everything", version: "1.0.0" },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
      },
      requestState: { verify: (state, context) => states.verify(state, context) },
    },
  );
  const { server } = mcp;
  server.setRequestHandler("tools/list", () => ({
    tools: [
      ...[...Object.keys(RUN), ...world.tools].map((name) => ({
        name,
        description: `A tool of the suite: ${name}`,
        inputSchema: { type: "object" as const },
      })),
      {
        name: "test_repeated_argument",
        description: "A tool with an argument that a header repeats",
        inputSchema: {
          type: "object",
          properties: { region: { type: "string", "x-mcp-header": "Region" } },
        },
      },
      {
        name: "json_schema_2020_12_tool",
        description: "A tool with a schema of 2020-12",
        inputSchema: SCHEMA_2020 as never,
      },
    ],
  }));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    if (params.name === "test_repeated_argument") return text("repeated");
    const run = Object.hasOwn(RUN, params.name) ? RUN[params.name] : undefined;
    if (run === undefined) throw new ProtocolError(-32602, `Unknown tool: ${params.name}`);
    return (await run(context, params.arguments ?? {}, world)) as never;
  });
  server.setRequestHandler("resources/list", () => ({ resources: RESOURCES }));
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template" }],
  }));
  server.setRequestHandler("resources/read", ({ params: { uri } }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    const known = RESOURCES.find((each) => each.uri === uri);
    if (id !== undefined) return { contents: [{ uri, text: JSON.stringify({ id, templateTest: true }) }] };
    if (known === undefined) throw new ProtocolError(-32602, `Resource not found: ${uri}`, { uri });
    const { mimeType } = known;
    return {
      contents: [
        mimeType === "image/png" ? { uri, mimeType, blob: IMAGE } : { uri, mimeType, text: "The content." },
      ],
    };
  });
  server.setRequestHandler("resources/subscribe", () => ({}));
  server.setRequestHandler("resources/unsubscribe", () => ({}));
  server.setRequestHandler("prompts/list", () => ({
    prompts: [...Object.keys(PROMPTS), ...world.prompts].map((name) => ({
      name,
      description: `A prompt of the suite: ${name}`,
      arguments: (ARGUMENTS[name] ?? []).map((each) => ({ name: each, required: true })),
    })),
  }));
  server.setRequestHandler("prompts/get", ({ params }, context) => {
    const get = Object.hasOwn(PROMPTS, params.name) ? PROMPTS[params.name] : undefined;
    if (get === undefined) throw new ProtocolError(-32602, `Unknown prompt: ${params.name}`);
    return get(context, params.arguments ?? {}) as never;
  });
  server.setRequestHandler("logging/setLevel", () => ({}));
  server.setRequestHandler("completion/complete", () => ({
    completion: { values: ["paris"], total: 1, hasMore: false },
  }));
  return mcp;
}
