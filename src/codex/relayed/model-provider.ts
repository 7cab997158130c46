/**
 * How a thread asks its model: through us (`relayed`), or Codex does it itself, at a provider that we declare (`direct`) or at the one of
 * its configuration (`configured`).
 *
 * Invariants
 *   V1. Relayed is what has a key of the host's, unless the host says otherwise. A login of Codex is not: Codex refreshes it, and knows alone how
 *       to ask with it. Neither is a provider of the configuration.
 *   V2. What is asked for and cannot be done is an error that says why. Without having been asked for, it is left to Codex.
 */
import type { JsonObject } from "../../base/json.ts";
import type { ConfiguredProviders } from "../../config/layers/model-providers.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { ThreadOptions } from "../../thread/options.ts";
import { CodexError } from "../errors.ts";
import type { CodexOptions } from "../options.ts";
import { OPENAI } from "../providers.ts";
import { proxyProblem } from "./proxies.ts";
import type { RelayedSpec } from "./relayed-model.ts";

export type ModelProvider =
  | { readonly kind: "relayed"; readonly relayed: RelayedSpec }
  | { readonly kind: "direct"; readonly provider: JsonObject }
  | { readonly kind: "configured" };

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
  /** Of the thread, as Codex would be given it. */
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
  const url = given === undefined ? undefined : URL.parse(given);
  if (given !== undefined && !/^https?:$/.test(url?.protocol ?? "")) {
    throw new CodexError("invalid_options", `baseUrl ${JSON.stringify(given)} is not an http or https URL`);
  }
  const asked = thread.modelRequests ?? codex.modelRequests;
  const isOurs = given !== undefined || thread.apiKey !== undefined;
  const baseUrl = url ?? new URL(OPENAI_BASE_URL);
  const name = given === undefined ? OPENAI_NAME : AZURE_URL.test(given) ? AZURE_NAME : OTHER_NAME;
  const problem = asked === "direct" ? "" : relayProblem(context, isOurs, baseUrl, apiKey, env);
  if (problem === undefined) {
    const provider = { name, wire_api: "responses", supports_websockets: false };
    return { kind: "relayed", relayed: { upstream: { baseUrl, apiKey: apiKey as string }, provider } };
  }
  if (asked === "relayed") {
    const message = `modelRequests "relayed": the requests of this thread cannot be passed on, because ${problem}`;
    throw new CodexError("invalid_options", message, { option: "modelRequests" });
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
  return { kind: "direct", provider };
}

function relayProblem(
  { config, home }: ProviderContext,
  isOurs: boolean,
  baseUrl: URL,
  apiKey: string | undefined,
  env: Variables,
): string | undefined {
  if (apiKey === undefined) return "there is no apiKey, and a login of Codex is used by Codex alone";
  if (!isOurs) {
    // A key alone is for OpenAI, where the configuration does not name somebody else.
    const { selected, openaiBaseUrl } = home();
    const provider = config.model_provider ?? selected ?? OPENAI;
    if (provider !== OPENAI) return `the configuration names the model provider ${JSON.stringify(provider)}`;
    if ((config.openai_base_url ?? openaiBaseUrl) !== undefined)
      return "the configuration has an openai_base_url";
  }
  if (baseUrl.username !== "" || baseUrl.password !== "") return "baseUrl has a user name";
  return proxyProblem(baseUrl, env);
}
