/** Model providers that configuration defines, and what happens without any. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Codex, type CodexOptions } from "../../src/index.ts";
import type { ScriptedModel } from "../../src/testing/index.ts";
import { startBench } from "../support/codex-bench.ts";
import { meddledCodex } from "../support/meddled-codex.ts";

const timeout = 60_000;

/** The user's own Codex home, where nobody is logged in. */
const userHome = mkdtempSync(join(tmpdir(), "switchyard-user-home-"));
after(() => rmSync(userHome, { recursive: true, force: true }));
Object.assign(process.env, {
  CODEX_HOME: userHome,
  AZURE_TEST_KEY: "key-of-azure",
  ROUTER_TEST_KEY: "key-of-the-router",
  ROUTER_TEST_TITLE: "title-of-the-router",
  LITELLM_TEST_KEY: "key-of-litellm",
  UNNAMED_TEST_KEY: "key-that-nobody-names",
  EMPTY_TEST_KEY: "",
});

const VALUES = /key-of-|key-that-|title-of-/;

function providerOf(model: ScriptedModel, more: object): Record<string, string> {
  return { name: "Mine", base_url: model.baseUrl, wire_api: "responses", ...more };
}

/** Headers of the last request to the model. */
function headersOf(model: ScriptedModel): Readonly<Record<string, string | string[] | undefined>> {
  return model.requests.at(-1)?.headers ?? {};
}

function environmentOf(codex: Codex): string {
  return process.platform === "linux" ? readFileSync(`/proc/${codex.pid}/environ`, "utf8") : "";
}

test("a provider in the options of a Codex gets its key and headers, and the process does not (P1)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const azure = providerOf(bench.model, {
    env_key: "AZURE_TEST_KEY",
    env_http_headers: {
      "X-Title": "ROUTER_TEST_TITLE",
      "X-Absent": "NO_SUCH_VARIABLE",
      "X-Empty": "EMPTY_TEST_KEY",
    },
    http_headers: { "X-Fixed": "fixed" },
    query_params: { "api-version": "2025-04-01" },
  });
  const options: CodexOptions = { config: { model_provider: "azure", model_providers: { azure } } };
  const recordTo = join(bench.cwd, "record");
  const codexPathOverride = meddledCodex(bench.cwd, { recordTo });
  await using codex = new Codex({ ...options, codexPathOverride, home: { path: bench.home } });
  const thread = codex.startThread({ workingDirectory: bench.cwd });
  for (const input of ["one", "two"]) {
    assert.equal((await thread.run(input)).finalResponse, `You said: ${input}`);
    const { authorization, "x-title": title, "x-fixed": fixed, "x-absent": absent } = headersOf(bench.model);
    assert.deepEqual([authorization, title, fixed], ["Bearer key-of-azure", "title-of-the-router", "fixed"]);
    assert.equal(absent, undefined);
    assert.match(bench.model.requests.at(-1)?.path ?? "", /^\/v1\/responses\?api-version=2025-04-01$/);
  }
  assert.doesNotMatch(environmentOf(codex), VALUES);
  assert.doesNotMatch(readFileSync(recordTo, "utf8"), VALUES, "what Codex was told");
});

test("threads of one process have providers of their own, written in any way a host can", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const overrides = (name: string, key: string): string[] => [
    `model_provider="${name}"`,
    `model_providers.${name}.name="Mine"`,
    `model_providers.${name}.base_url="${bench.model.baseUrl}"`,
    `model_providers.${name}.env_key="${key}"`,
  ];
  await using codex = new Codex({
    configOverrides: overrides("azure", "AZURE_TEST_KEY"),
    home: { path: bench.home },
  });
  const keyFor = async (config: Record<string, string>): Promise<unknown> => {
    await codex.startThread({ workingDirectory: bench.cwd, ephemeral: true, config }).run("hello");
    return headersOf(bench.model)["authorization"];
  };
  assert.equal(await keyFor({}), "Bearer key-of-azure");
  const dotted = {
    model_provider: "router",
    "model_providers.router.name": "Mine",
    "model_providers.router.base_url": bench.model.baseUrl,
    "model_providers.router.env_key": "ROUTER_TEST_KEY",
  };
  assert.equal(await keyFor(dotted), "Bearer key-of-the-router");
  assert.equal(
    await keyFor({ "model_providers.azure.env_key": "LITELLM_TEST_KEY" }),
    "Bearer key-of-litellm",
  );
  assert.doesNotMatch(environmentOf(codex), VALUES);
});

test("a provider in the files of the home gets its variables, and the process no others (P2)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  mkdirSync(bench.home, { recursive: true });
  const toml = `model_provider = "litellm"
[model_providers.litellm]
name = "LiteLLM"
base_url = "${bench.model.baseUrl}"
env_key = "LITELLM_TEST_KEY"
env_http_headers = { "X-Title" = "ROUTER_TEST_TITLE" }
[model_providers.azure]
name = "Azure"
base_url = "${bench.model.baseUrl}"
env_key = "AZURE_TEST_KEY"
`;
  writeFileSync(join(bench.home, "config.toml"), toml);
  await using codex = new Codex({ home: { path: bench.home } });
  const key = async (config: Record<string, string>): Promise<unknown[]> => {
    await codex.startThread({ workingDirectory: bench.cwd, ephemeral: true, config }).run("hello");
    const { authorization, "x-title": title } = headersOf(bench.model);
    return [authorization, title];
  };
  assert.deepEqual(await key({}), ["Bearer key-of-litellm", "title-of-the-router"]);
  assert.deepEqual(await key({ model_provider: "azure" }), ["Bearer key-of-azure", undefined]);
  assert.doesNotMatch(environmentOf(codex), /key-that-|key-of-the-router/);
});

test("a provider in use whose key is not set is named before anything starts (P3)", { timeout }, async () => {
  await using bench = await startBench();
  mkdirSync(bench.home, { recursive: true });
  const unset = providerOf(bench.model, { env_key: "NO_SUCH_VARIABLE" });
  const empty = providerOf(bench.model, { env_key: "EMPTY_TEST_KEY" });
  const config = { model_providers: { unset, empty } };
  await using codex = new Codex({ config, home: { path: bench.home } });
  const failure = (model_provider: string): Promise<unknown> =>
    codex.startThread({ workingDirectory: bench.cwd, config: { model_provider } }).run("hello");
  const refused = (message: string): object => ({ name: "CodexError", code: "invalid_options", message });
  const variable = "the environment variable";
  await assert.rejects(
    failure("unset"),
    refused(`config.model_providers.unset.env_key: ${variable} NO_SUCH_VARIABLE is not set`),
  );
  await assert.rejects(
    failure("empty"),
    refused(`config.model_providers.empty.env_key: ${variable} EMPTY_TEST_KEY is not set`),
  );
  const file = `[model_providers.filed]\nname = "F"\nbase_url = "http://a.example"\nenv_key = "NO_SUCH_VARIABLE"\n`;
  writeFileSync(join(bench.home, "config.toml"), file);
  await assert.rejects(
    failure("filed"),
    refused(`model_providers.filed.env_key: ${variable} NO_SUCH_VARIABLE is not set`),
  );
  assert.equal(codex.pid, undefined);
});

test("without a key, a login and another provider, a turn fails at once", { timeout }, async () => {
  await using bench = await startBench();
  await using codex = new Codex({ home: { path: bench.home } });
  const missing = {
    name: "CodexError",
    code: "login_missing",
    message: /^No model can be asked: .*codex login"$/,
  };
  const needsLogin = providerOf(bench.model, { requires_openai_auth: true });
  for (const config of [
    {},
    { model_provider: "openai" },
    { model_provider: "mine", model_providers: { mine: needsLogin } },
  ]) {
    const thread = codex.startThread({
      workingDirectory: bench.cwd,
      config: config as object as Record<string, string>,
    });
    await assert.rejects(thread.run("hello"), missing);
  }
  assert.equal(codex.pid, undefined, "nothing was started");
  // Each of these is a way.
  const open = { model_provider: "open", model_providers: { open: providerOf(bench.model, {}) } };
  for (const options of [
    { baseUrl: bench.model.baseUrl },
    { config: open as object as Record<string, string> },
  ]) {
    const thread = codex.startThread({ workingDirectory: bench.cwd, ...options });
    assert.equal((await thread.run("hello")).finalResponse, "You said: hello");
  }
});
