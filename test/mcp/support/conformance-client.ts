/**
 * The client of the official conformance suite: a thread with one server, whose URL the suite gives. It uses everything the
 * server offers once, and answers a question with the defaults of its form.
 *
 * Where the server wants a login it makes one, as a host does: the authorization servers of the suite ask no person.
 *
 * The suite judges what the server saw, so a call that fails is no failure of this client.
 */
import { isObject, type JsonObject } from "../../../src/base/json.ts";
import {
  type CallOutcome,
  type Elicitation,
  type ElicitationAnswer,
  LoginBroker,
  type LoginWanted,
  McpManager,
  memoryLoginStore,
} from "../../../src/mcp/index.ts";

/** Less than the suite allows. */
const PLAY_MS = 20_000;
const SERVER = "suite";
/** More than a host has to make for one call. */
const LOGINS_MAX = 5;
const redirectUrl = "http://127.0.0.1:4711/callback";

/** What the suite hands to a client. */
export interface Given {
  readonly scenario: string;
  readonly url: string;
  /** JSON. */
  readonly context: string;
}

interface Context {
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: JsonObject }[];
  readonly client_id?: string;
  readonly client_secret?: string;
}

/**
 * @param executor the URL of the executor that the server is reached from
 * @param say for the report of a failure
 */
export async function playClient(
  { scenario, url: given, context: json }: Given,
  executor: string | undefined,
  say: (...words: unknown[]) => void,
): Promise<void> {
  const signal = AbortSignal.timeout(PLAY_MS);
  // By number: a name is looked up for each connection, and sse-retry takes a standing stream that opens after the call for the reconnect.
  // A login is for the resource by the name that it has.
  const url = scenario.startsWith("auth/") ? given : given.replace("//localhost:", "//127.0.0.1:");
  const context = JSON.parse(json) as Context;
  const store = memoryLoginStore();
  await using credentials = new LoginBroker({ stores: () => store });
  await using manager = new McpManager({
    publish: false,
    credentials,
    environments: executor === undefined ? [] : [{ id: "executor", kind: "url", url: executor }],
    env: {},
    log: say,
  });
  const thread = manager.openThread({
    servers: {
      [SERVER]: {
        url,
        ...(executor === undefined ? {} : { environment_id: "executor" }),
        ...(context.client_id === undefined
          ? {}
          : { oauth: { client_id: context.client_id, client_secret: context.client_secret ?? "" } }),
      },
    },
    onElicit: (question) => Promise.resolve(withDefaults(question)),
    onSample: () =>
      Promise.resolve({ role: "assistant", model: "none", content: { type: "text", text: "sampled" } }),
    roots: ["file:///"],
    signal,
  });

  /** @returns whether there is a login */
  const logIn = async (wanted: LoginWanted | undefined): Promise<boolean> => {
    try {
      const metadataUrl = "https://conformance-test.local/client-metadata.json";
      const client = { metadataUrl };
      const login = await thread.beginLogin(SERVER, { store, redirectUrl, wanted, client, signal });
      const answer = await fetch(login.url, { redirect: "manual", signal });
      await login.complete(answer.headers.get("location") ?? "", { signal });
      return true;
    } catch (error) {
      say(error);
      return false;
    }
  };
  const callLoggedIn = async (name: string, args: JsonObject): Promise<CallOutcome> => {
    for (let logins = 0; ; logins++) {
      const outcome = await thread.callTool(SERVER, name, args);
      if (outcome.kind !== "not_sent" || outcome.reason !== "needs_login" || logins === LOGINS_MAX)
        return outcome;
      if (!(await logIn(outcome.wanted))) return outcome;
    }
  };

  const [view] = await thread.ready(undefined, { signal });
  say(JSON.stringify(view?.status));
  for (let logins = 0; logins < LOGINS_MAX; logins++) {
    const { status } = thread.server(SERVER);
    if (status.state !== "needs_login" || !(await logIn(status.reason.wanted))) break;
    await thread.ready(undefined, { signal });
    say(JSON.stringify(thread.server(SERVER).status));
  }
  const resources = await thread.listResources(SERVER).catch(() => []);
  for (const { uri } of resources) await thread.readResource(SERVER, uri).catch(say);
  const prompts = await thread.listPrompts(SERVER).catch(() => []);
  for (const { name, arguments: args = [] } of prompts) {
    const values = Object.fromEntries(args.map((each) => [each.name, "example"]));
    await thread.getPrompt(SERVER, name, values).catch(say);
  }
  for (const [name, args] of callsOf(thread, scenario, context)) {
    const outcome = await callLoggedIn(name, args);
    say(name, JSON.stringify(outcome));
  }
}

/** The calls that the scenario asks for; without such, every tool once. */
function callsOf(
  thread: ReturnType<McpManager["openThread"]>,
  scenario: string,
  { toolCalls }: Context,
): readonly (readonly [name: string, args: JsonObject])[] {
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
