import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../base/json.ts";
import { pick } from "../../testing/index.ts";
import type { ThreadOptions } from "../../thread/options.ts";
import type { CodexOptions } from "../options.ts";
import { modelProviderOf } from "./model-provider.ts";

const NOTHING = { selected: undefined, tables: undefined, openaiBaseUrl: undefined };

interface Given {
  readonly codex?: CodexOptions;
  readonly thread?: ThreadOptions;
  readonly config?: JsonObject;
  readonly env?: Record<string, string>;
  readonly home?: Readonly<Record<string, unknown>>;
}

/** What asks the model, and at which URL with which key. */
function wayOf({ codex = {}, thread = {}, config = {}, env = {}, home = {} }: Given): readonly unknown[] {
  const provider = modelProviderOf({ codex, thread, config, env, home: () => ({ ...NOTHING, ...home }) });
  if (provider.kind === "configured") return ["configured"];
  if (provider.kind === "direct")
    return ["direct", provider.provider.base_url, provider.provider.experimental_bearer_token];
  const { upstream, provider: table } = provider.relayed;
  const { authorization = "" } = upstream.headers;
  const key = authorization.replace("Bearer ", "");
  assert.ok(!JSON.stringify(table).includes(key) || key === "");
  return ["relayed", upstream.baseUrl.href, key, table.name];
}

suite("modelProviderOf", () => {
  const baseUrl = "https://llm.example/v1";
  const apiKey = "sk-key";

  test("what has a key of the host's is relayed, to OpenAI where no URL is given (V1)", () => {
    assert.deepEqual(wayOf({ codex: { baseUrl, apiKey } }), ["relayed", baseUrl, apiKey, "Switchyard"]);
    assert.deepEqual(wayOf({ codex: { apiKey } }), [
      "relayed",
      "https://api.openai.com/v1",
      apiKey,
      "OpenAI",
    ]);
    const azure = "https://mine.openai.azure.com/openai/v1";
    assert.deepEqual(wayOf({ codex: { baseUrl, apiKey }, thread: { baseUrl: azure, apiKey: "k2" } }), [
      "relayed",
      azure,
      "k2",
      "Azure",
    ]);
  });

  test("OpenAI is told organization and project, where the host gives them to Codex", () => {
    const env = { OPENAI_ORGANIZATION: "org", OPENAI_PROJECT: "project" };
    const headersOf = (codex: CodexOptions): unknown => {
      const provider = modelProviderOf({ codex, thread: {}, config: {}, env, home: () => NOTHING });
      return pick(provider, "relayed", "upstream", "headers");
    };
    const authorization = `Bearer ${apiKey}`;
    assert.deepEqual(headersOf({ apiKey, env }), {
      authorization,
      "openai-organization": "org",
      "openai-project": "project",
    });
    assert.deepEqual(headersOf({ apiKey }), { authorization });
    assert.deepEqual(headersOf({ apiKey, baseUrl, env }), { authorization });
  });

  test("a login of Codex and a provider of the configuration stay Codex's own (V1)", () => {
    assert.deepEqual(wayOf({}), ["configured"]);
    assert.deepEqual(wayOf({ codex: { baseUrl } }), ["direct", baseUrl, undefined]);
    const named: Given[] = [{ config: { model_provider: "mine" } }, { home: { selected: "mine" } }];
    for (const each of named) assert.deepEqual(wayOf({ codex: { apiKey }, ...each }), ["configured"]);
    assert.deepEqual(wayOf({ codex: { apiKey }, home: { openaiBaseUrl: baseUrl } }), ["configured"]);
    // An endpoint, or a key of its own, is for this thread whatever the configuration says.
    assert.equal(wayOf({ codex: { baseUrl, apiKey }, config: { model_provider: "mine" } })[0], "relayed");
    assert.equal(wayOf({ thread: { apiKey }, config: { model_provider: "mine" } })[0], "relayed");
  });

  test("a provider of the options is relayed, with all that it sends (V1)", () => {
    const mine = {
      name: "Mine",
      base_url: "https://mine.example/v1?a=1",
      experimental_bearer_token: "sk-mine",
      http_headers: { "X-Title": "ä", "api-key": "k" },
      query_params: { "api-version": "1" },
      request_max_retries: 2,
    };
    const relayed = (table: JsonObject, home: Record<string, unknown> = {}): unknown => {
      const config = { model_provider: "mine", model_providers: { mine: table } };
      const given = { codex: { apiKey }, thread: {}, config, env: {}, home: () => ({ ...NOTHING, ...home }) };
      return modelProviderOf(given);
    };
    assert.deepEqual(relayed(mine), {
      kind: "relayed",
      relayed: {
        id: "mine",
        upstream: {
          baseUrl: new URL("https://mine.example/v1?a=1&api-version=1"),
          headers: { "x-title": "\u00c3\u00a4", "api-key": "k", authorization: "Bearer sk-mine" },
        },
        provider: { name: "Mine", request_max_retries: 2 },
      },
    });
    const { experimental_bearer_token: _, ...open } = mine;
    assert.deepEqual(pick(relayed(open), "kind"), "relayed");
    assert.equal(
      pick(
        relayed({ ...mine, base_url: "https://a.openai.azure.com/openai" }),
        "relayed",
        "provider",
        "name",
      ),
      "Azure",
    );
    for (const more of [
      { requires_openai_auth: true },
      { supports_websockets: true },
      { wire_api: "chat" },
      { auth: { command: "token" } },
      { env_key: "NOT_SET" },
      { base_url: "mine" },
      { http_headers: { a: 1 } },
    ])
      assert.deepEqual(relayed({ ...mine, ...more }), { kind: "configured" }, JSON.stringify(more));
    assert.deepEqual(relayed(mine, { tables: { mine: {} } }), { kind: "configured" });
  });

  test("the host may have it direct, for all threads or one", () => {
    const direct = ["direct", baseUrl, apiKey];
    assert.deepEqual(wayOf({ codex: { baseUrl, apiKey, modelRequests: "direct" } }), direct);
    assert.deepEqual(wayOf({ codex: { baseUrl, apiKey }, thread: { modelRequests: "direct" } }), direct);
    const codex: CodexOptions = { apiKey, modelRequests: "direct" };
    assert.deepEqual(wayOf({ codex }), ["configured"]);
    assert.equal(wayOf({ codex, thread: { modelRequests: "relayed" } })[0], "relayed");
  });

  test("what cannot be relayed is an error where it is asked for, and direct where it is not (V2)", () => {
    const ALL_PROXY = "socks5://proxy.example:1080";
    assert.deepEqual(wayOf({ codex: { baseUrl, apiKey }, env: { ALL_PROXY } }), ["direct", baseUrl, apiKey]);
    const withUser = "https://me@llm.example/v1";
    assert.equal(wayOf({ codex: { baseUrl: withUser, apiKey } })[0], "direct");
    const rejected = (given: Given, why: RegExp): void =>
      assert.throws(() => wayOf({ ...given, thread: { modelRequests: "relayed" } }), {
        code: "invalid_options",
        message: why,
      });
    rejected({ codex: { baseUrl, apiKey }, env: { ALL_PROXY } }, /because the proxy is not an HTTP proxy$/);
    rejected(
      { codex: { baseUrl } },
      /because there is no apiKey, and a login of Codex is used by Codex alone$/,
    );
    const config = { model_provider: "mine" };
    rejected(
      { codex: { apiKey }, config },
      /the model provider "mine" is defined in a file, which Codex reads$/,
    );
    rejected({ codex: { baseUrl: withUser, apiKey } }, /because the URL of the model has a user name$/);
  });
});
