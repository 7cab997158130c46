/**
 * How a thread asks its model: through us (`relayed`), or Codex does it itself, at a provider that we declare (`direct`) or at the one of
 * its configuration (`configured`).
 *
 *   apiKey                       ours, at baseUrl or at OpenAI          relayed
 *   config.model_providers       whose key and URL the options say      relayed
 *   a login of Codex, a provider in the files of the home, …            Codex's own
 *
 * Invariants
 *   V1. Relayed is what the host has given key and URL of, unless it says otherwise. A login of Codex is not: Codex refreshes it, and knows alone how
 *       to ask with it. Neither is a provider that Codex reads from a file, or that gets its key in a way of its own.
 *   V2. What is asked for and cannot be done is an error that says why. Without having been asked for, it is left to Codex.
 */
import { isObject, type JsonObject } from "../../base/json.ts";
import type { ConfiguredProviders } from "../../config/layers/model-providers.ts";
import type { Upstream } from "../../gateway/relay/model-relay.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { ThreadOptions } from "../../thread/options.ts";
import { CodexError } from "../errors.ts";
import type { CodexOptions } from "../options.ts";
import { OPENAI } from "../providers.ts";
import { proxyProblem } from "./proxies.ts";
import type { RelayedSpec } from "./relayed-model.ts";

export type ModelProvider =
  | { readonly kind: "relayed"; readonly relayed: RelayedSpec }
  | { readonly kind: "direct"; readonly id: string; readonly provider: JsonObject }
  | { readonly kind: "configured" };

/** The id of the provider we declare where configuration's own does not do. */
export const OURS = "switchyard";
const OPENAI_BASE_URL = "https://api.openai.com/v1";
/** Codex tells a provider by its name or its URL, and sends some of them more, or other things (0.171). */
const OPENAI_NAME = "OpenAI";
const AZURE_NAME = "Azure";
const AZURE_URL =
  /openai\.azure\.|cognitiveservices\.azure\.|aoai\.azure\.|azure-api\.|azurefd\.|windows\.net\/openai/;
const OTHER_NAME = "Switchyard";

export interface ProviderContext {
  readonly codex: CodexOptions;
  readonly thread: ThreadOptions;
  /** Of the thread, as Codex would be given it: the references of its providers are filled in. */
  readonly config: JsonObject;
  readonly env: Variables;
  /** What the files of the home say. */
  readonly home: () => ConfiguredProviders;
}

/** @throws {CodexError} `invalid_options` (V2) */
export function modelProviderOf(context: ProviderContext): ModelProvider {
  const { codex, thread, env } = context;
  const apiKey = thread.apiKey ?? codex.apiKey;
  const given = thread.baseUrl ?? codex.baseUrl;
  if (given !== undefined && urlOf(given) === undefined) {
    throw new CodexError("invalid_options", `baseUrl ${JSON.stringify(given)} is not an http or https URL`);
  }
  const asked = thread.modelRequests ?? codex.modelRequests;
  const isOurs = given !== undefined || thread.apiKey !== undefined;
  if (asked !== "direct") {
    const found = isOurs ? ourProvider(given, apiKey, codex.env) : configuredProvider(context, codex.apiKey);
    const problem = typeof found === "string" ? found : urlProblem(found.upstream.baseUrl, env);
    if (typeof found !== "string" && problem === undefined) return { kind: "relayed", relayed: found };
    if (asked === "relayed") {
      const message = `modelRequests "relayed": the requests of this thread cannot be passed on, because ${problem}`;
      throw new CodexError("invalid_options", message, { option: "modelRequests" });
    }
  }
  if (!isOurs) return { kind: "configured" };
  const provider = {
    name: OTHER_NAME,
    base_url: given ?? OPENAI_BASE_URL,
    wire_api: "responses",
    // With an endpoint that speaks only HTTP, attempts at WebSocket would cost 6 s per thread.
    supports_websockets: false,
    ...(apiKey === undefined ? { requires_openai_auth: true } : { experimental_bearer_token: apiKey }),
  };
  return { kind: "direct", id: OURS, provider };
}

/**
 * @param ofCodex the environment that the host gives Codex
 * @returns why it cannot be relayed, or what is
 */
function ourProvider(
  given: string | undefined,
  apiKey: string | undefined,
  ofCodex: Variables = {},
): RelayedSpec | string {
  if (apiKey === undefined) return "there is no apiKey, and a login of Codex is used by Codex alone";
  const name = given === undefined ? OPENAI_NAME : AZURE_URL.test(given) ? AZURE_NAME : OTHER_NAME;
  const headers: Record<string, string> = { authorization: `Bearer ${apiKey}` };
  // As Codex's own provider does.
  const { OPENAI_ORGANIZATION: organization, OPENAI_PROJECT: project } = given === undefined ? ofCodex : {};
  if (organization !== undefined) headers["openai-organization"] = organization;
  if (project !== undefined) headers["openai-project"] = project;
  return {
    id: OURS,
    upstream: { baseUrl: new URL(given ?? OPENAI_BASE_URL), headers },
    provider: { name, wire_api: "responses", supports_websockets: false },
  };
}

/** The one that the configuration names; a key alone is for OpenAI, where it names none. */
function configuredProvider(
  { codex, config, home }: ProviderContext,
  apiKey: string | undefined,
): RelayedSpec | string {
  const { selected: inHome, tables, openaiBaseUrl } = home();
  const selected = config.model_provider ?? inHome ?? OPENAI;
  if (selected === OPENAI) {
    if ((config.openai_base_url ?? openaiBaseUrl) !== undefined)
      return "the configuration has an openai_base_url";
    return ourProvider(undefined, apiKey, codex.env);
  }
  if (typeof selected !== "string") return "model_provider is not the name of one";
  const inOptions = isObject(config.model_providers) ? config.model_providers[selected] : undefined;
  const isInHome = isObject(tables) && Object.hasOwn(tables, selected);
  if (selected === OURS) return `the model provider ${JSON.stringify(OURS)} is one that we declare ourselves`;
  if (!isObject(inOptions) || isInHome)
    return `the model provider ${JSON.stringify(selected)} is defined in a file, which Codex reads`;
  const upstream = upstreamOf(inOptions);
  if (typeof upstream === "string") return `the model provider ${JSON.stringify(selected)} ${upstream}`;
  const {
    http_headers: _h,
    query_params: _q,
    experimental_bearer_token: _k,
    base_url: _b,
    ...provider
  } = inOptions;
  return {
    id: selected,
    upstream,
    provider: { ...provider, ...(AZURE_URL.test(upstream.baseUrl.href) ? { name: AZURE_NAME } : {}) },
  };
}

/** What Codex would ask for without us. @returns the predicate of a sentence about why only Codex can */
function upstreamOf(table: JsonObject): Upstream | string {
  const { base_url: base, wire_api, http_headers: headers = {}, query_params: params = {} } = table;
  const { experimental_bearer_token: token } = table;
  const baseUrl = typeof base === "string" ? urlOf(base) : undefined;
  if (baseUrl === undefined) return "has no base_url that is a URL";
  if (wire_api !== undefined && wire_api !== "responses") return "has another wire_api";
  if (table.supports_websockets === true) return "is asked over WebSocket";
  const own = ["auth", "aws", "env_http_headers", "env_key"].find((name) => table[name] !== undefined);
  if (table.requires_openai_auth === true || own !== undefined)
    return `has a key that Codex alone knows (${own ?? "requires_openai_auth"})`;
  if (!isTexts(headers) || !isTexts(params) || !(token === undefined || typeof token === "string"))
    return "is not one that Codex would take";
  for (const [name, value] of Object.entries(params)) baseUrl.searchParams.append(name, value);
  // The relay sends bytes.
  const bytes = (value: string): string => Buffer.from(value).toString("latin1");
  const sent = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), bytes(value)] as const);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { baseUrl, headers: { ...Object.fromEntries(sent), ...authorization } };
}

function urlOf(text: string): URL | undefined {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) ? url : undefined;
}

function urlProblem(baseUrl: URL, env: Variables): string | undefined {
  if (baseUrl.username !== "" || baseUrl.password !== "") return "the URL of the model has a user name";
  return proxyProblem(baseUrl, env);
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((each) => typeof each === "string");
}
