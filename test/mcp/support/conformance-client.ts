/**
 * The client that the official conformance suite starts: a thread with one server, whose URL is the last argument. It uses
 * everything the server offers once, and answers a question with the defaults of its form.
 *
 * The suite judges what the server saw, so a call that fails is no failure of this program.
 */
import { isObject, type JsonObject } from "../../../src/base/json.ts";
import { type Elicitation, type ElicitationAnswer, McpManager } from "../../../src/mcp/index.ts";

/** Less than the suite allows: it would kill the shell and leave the program. */
const signal = AbortSignal.timeout(20_000);
const SERVER = "suite";

// By number: a name is looked up for each connection, and sse-retry takes a standing stream that opens after the call for the reconnect.
const url = (process.argv.at(-1) ?? "").replace("//localhost:", "//127.0.0.1:");
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"];
const executor = process.env["SWITCHYARD_TEST_EXECUTOR"];
await using manager = new McpManager({
  publish: false,
  environments: executor === undefined ? [] : [{ id: "executor", kind: "url", url: executor }],
  env: {},
  log: (level, message) => console.error(level, message),
});
const thread = manager.openThread({
  servers: { [SERVER]: { url, ...(executor === undefined ? {} : { environment_id: "executor" }) } },
  onElicit: (question) => Promise.resolve(withDefaults(question)),
  onSample: () =>
    Promise.resolve({ role: "assistant", model: "none", content: { type: "text", text: "sampled" } }),
  roots: ["file:///"],
  signal,
});
const [view] = await thread.ready(undefined, { signal });
console.error(JSON.stringify(view?.status));
const resources = await thread.listResources(SERVER).catch(() => []);
for (const { uri } of resources) await thread.readResource(SERVER, uri).catch(console.error);
const prompts = await thread.listPrompts(SERVER).catch(() => []);
for (const { name, arguments: args = [] } of prompts) {
  const values = Object.fromEntries(args.map((each) => [each.name, "example"]));
  await thread.getPrompt(SERVER, name, values).catch(console.error);
}
for (const [name, args] of callsOf()) {
  const outcome = await thread.callTool(SERVER, name, args);
  console.error(name, JSON.stringify(outcome));
}

/** The calls that the scenario asks for; without such, every tool once. */
function callsOf(): readonly (readonly [name: string, args: JsonObject])[] {
  const { toolCalls } = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as {
    readonly toolCalls?: readonly { readonly name: string; readonly arguments: JsonObject }[];
  };
  if (toolCalls !== undefined) return toolCalls.map((call) => [call.name, call.arguments]);
  const tools = thread.listTools(SERVER).map(({ tool }) => tool);
  if (scenario === "json-schema-2020-12-preservation") {
    const rich = tools.find(({ name }) => name === "json_schema_2020_12_tool");
    return [["json_schema_echo", { schema: rich?.inputSchema as JsonObject }]];
  }
  return tools.map(({ name, inputSchema }) => [name, exampleOf(inputSchema as JsonObject)]);
}

function withDefaults({ requestedSchema }: Elicitation): ElicitationAnswer {
  const content: Record<string, JsonObject[string]> = {};
  for (const [name, schema] of propertiesOf(requestedSchema)) {
    const { default: value } = schema;
    if (value !== undefined) content[name] = value;
  }
  return { action: "accept", content };
}

/** The arguments that a schema requires, of the simplest kind. */
function exampleOf(schema: JsonObject): JsonObject {
  const { required } = schema;
  const names = Array.isArray(required) ? required : [];
  const args: Record<string, JsonObject[string]> = {};
  for (const [name, { type }] of propertiesOf(schema))
    if (names.includes(name))
      args[name] = type === "number" || type === "integer" ? 1 : type === "boolean" ? true : "example";
  return args;
}

function propertiesOf(schema: JsonObject | undefined): readonly (readonly [string, JsonObject])[] {
  const properties = schema?.["properties"];
  if (!isObject(properties)) return [];
  return Object.entries(properties).map(([name, property]) => [name, isObject(property) ? property : {}]);
}
