import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../base/json.ts";
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
  assert.ok(!JSON.stringify(table).includes(upstream.apiKey));
  return ["relayed", upstream.baseUrl.href, upstream.apiKey, table.name];
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
    rejected({ codex: { apiKey }, config: { model_provider: "mine" } }, /names the model provider "mine"$/);
    rejected({ codex: { baseUrl: withUser, apiKey } }, /because baseUrl has a user name$/);
  });
});
