import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { suite, test, type TestContext } from "node:test";
import fc from "fast-check";
import { CodexError } from "../errors.ts";
import { processFeatures } from "../app-server/features.ts";
import type { ThreadOptions } from "../../thread/options.ts";
import type { CodexOptions } from "../options.ts";
import { buildInput, buildThreadSpec, type ThreadSpec } from "./spec.ts";

function build(
  codex: CodexOptions = {},
  thread: ThreadOptions = {},
  env: Record<string, string> = {},
): ThreadSpec {
  return buildThreadSpec(codex, thread, env);
}

function configOf(codex: CodexOptions = {}, thread: ThreadOptions = {}): Record<string, unknown> {
  return build(codex, thread).start.config as Record<string, unknown>;
}

function refusal(codex: CodexOptions, thread: ThreadOptions = {}): string {
  try {
    build(codex, thread);
  } catch (error) {
    assert.ok(error instanceof CodexError, String(error));
    assert.equal(error.code, "invalid_options");
    return error.message;
  }
  assert.fail("it was accepted");
}

/** A folder of its own, by its real name. */
function folder(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-config-")));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The directories named as untrusted, below `top`. */
function untrusted(cwd: string, top: string): string[] {
  const { projects } = configOf({}, { workingDirectory: cwd }) as { projects: Record<string, unknown> };
  for (const rule of Object.values(projects)) assert.deepEqual(rule, { trust_level: "untrusted" });
  return Object.keys(projects)
    .filter((path) => !relative(top, path).startsWith(".."))
    .toSorted((a, b) => a.localeCompare(b));
}

/** Writes a `.git` file, as a worktree and a submodule have. */
function pointTo(worktree: string, gitdir: string): void {
  mkdirSync(worktree, { recursive: true });
  writeFileSync(join(worktree, ".git"), `gitdir: ${gitdir}\n`);
}

suite("buildThreadSpec trusts nothing (F1)", () => {
  test("names the directory itself, in a repository or not", (t) => {
    const top = folder(t);
    assert.deepEqual(untrusted(top, top), [top]);
    mkdirSync(join(top, ".git"));
    assert.deepEqual(untrusted(top, top), [top]);
  });

  test("names the repository above the directory, and each .codex in between", (t) => {
    const top = folder(t);
    const cwd = join(top, "a/b/c/d");
    for (const path of [cwd, join(top, ".git"), join(top, "a/b/.codex"), join(top, "a/.git")]) {
      mkdirSync(path, { recursive: true });
    }
    assert.deepEqual(untrusted(cwd, top), [top, join(top, "a"), join(top, "a/b"), cwd]);
  });

  test("names the main repository of a worktree, by an absolute and by a relative pointer", (t) => {
    const top = folder(t);
    const main = join(top, "main");
    const gitdir = join(main, ".git/worktrees/feature");
    mkdirSync(gitdir, { recursive: true });
    const worktree = join(top, "feature");
    const cwd = join(worktree, "src");
    mkdirSync(cwd, { recursive: true });
    for (const pointer of [gitdir, relative(worktree, gitdir), `${gitdir}\r`]) {
      pointTo(worktree, pointer);
      assert.deepEqual(untrusted(cwd, top), [worktree, cwd, main], pointer);
    }
  });

  test("names what Codex takes for the repository of a worktree of a bare one: the folder above it", (t) => {
    const top = folder(t);
    const repositories = join(top, "srv");
    pointTo(join(top, "wt"), join(repositories, "project.git/worktrees/wt"));
    assert.deepEqual(untrusted(join(top, "wt"), top), [repositories, join(top, "wt")]);
  });

  test("names a main repository by its real name, too, when the pointer goes through a link", (t) => {
    const top = folder(t);
    mkdirSync(join(top, "real/.git/worktrees/wt"), { recursive: true });
    symlinkSync(join(top, "real"), join(top, "alias"));
    pointTo(join(top, "wt"), join(top, "alias/.git/worktrees/wt"));
    assert.deepEqual(untrusted(join(top, "wt"), top), [
      join(top, "alias"),
      join(top, "real"),
      join(top, "wt"),
    ]);
  });

  test("names a directory by its real name, too, with what is above that", (t) => {
    const top = folder(t);
    mkdirSync(join(top, "repo/.git"), { recursive: true });
    mkdirSync(join(top, "repo/src"));
    symlinkSync(join(top, "repo/src"), join(top, "link"));
    assert.deepEqual(untrusted(join(top, "link"), top), [
      join(top, "link"),
      join(top, "repo"),
      join(top, "repo/src"),
    ]);
  });

  const strange: readonly (readonly [what: string, text: string | undefined])[] = [
    ["a submodule", "gitdir: ../.git/modules/sub\n"],
    ["a .git file that points nowhere", "gitdir: /nowhere/at/all\n"],
    ["an empty .git file", ""],
    ["a pointer without a path", "gitdir: \n"],
    ["a path that can be none", "gitdir: a\0b/worktrees/x\n"],
    ["binary rubbish", "\0\uffff\n\n"],
    [".git as a broken link", undefined],
  ];
  for (const [what, text] of strange) {
    test(`names the directory where there is ${what}`, (t) => {
      const top = folder(t);
      if (text === undefined) symlinkSync("nowhere", join(top, ".git"));
      else writeFileSync(join(top, ".git"), text);
      assert.ok(untrusted(top, top).includes(top));
    });
  }

  test("takes no trust from the configuration", (t) => {
    const top = folder(t);
    const codex: CodexOptions = {
      config: { projects: { [top]: { trust_level: "trusted" } }, "projects.x.trust_level": "trusted" },
      configOverrides: ['projects.y.trust_level="trusted"'],
    };
    const { projects } = configOf(codex, { workingDirectory: top }) as { projects: Record<string, unknown> };
    assert.deepEqual(projects[top], { trust_level: "untrusted" });
    assert.ok(!JSON.stringify(projects).includes('"trusted"'));
  });

  test("rejects a working directory that is not a directory, naming it", (t) => {
    const top = folder(t);
    writeFileSync(join(top, "file"), "");
    for (const path of [
      join(top, "missing"),
      join(top, "file"),
      join(top, "file/below"),
      "a\0b",
      "x".repeat(5_000),
    ]) {
      assert.equal(refusal({}, { workingDirectory: path }), `workingDirectory "${path}" is not a directory`);
    }
  });

  test("works in the current directory by default, and makes a relative one absolute", () => {
    assert.equal(build().start.cwd, process.cwd());
    assert.equal(build({}, { workingDirectory: "src" }).start.cwd, resolve("src"));
  });
});

suite("buildThreadSpec chooses the provider", () => {
  test("of Codex when the thread has neither endpoint nor key", () => {
    const { start, secrets, loginKey } = build({ apiKey: "sk-process", modelRequests: "direct" });
    assert.equal(start.modelProvider, undefined);
    assert.equal(loginKey, "sk-process");
    assert.equal((start.config as object as { model_providers?: unknown }).model_providers, undefined);
    assert.deepEqual(secrets, []);
  });

  const provider = (codex: CodexOptions, thread: ThreadOptions = {}): unknown => {
    const { start } = build({ ...codex, modelRequests: "direct" }, thread);
    assert.equal(start.modelProvider, "switchyard");
    const providers = (start.config as object as { model_providers: Record<string, unknown> })
      .model_providers;
    return providers.switchyard;
  };
  const base = { name: "Switchyard", wire_api: "responses", supports_websockets: false };

  test("of its own for an endpoint, with the user's login", () => {
    const wanted = { ...base, base_url: "https://a.example/v1", requires_openai_auth: true };
    assert.deepEqual(provider({ baseUrl: "https://a.example/v1" }), wanted);
    assert.deepEqual(provider({ baseUrl: "https://b.example" }, { baseUrl: "https://a.example/v1" }), wanted);
  });

  test("of its own for a key, at OpenAI's endpoint by default", () => {
    assert.deepEqual(provider({}, { apiKey: "sk-1" }), {
      ...base,
      base_url: "https://api.openai.com/v1",
      experimental_bearer_token: "sk-1",
    });
    assert.deepEqual(provider({ apiKey: "sk-2", baseUrl: "http://a.example" }), {
      ...base,
      base_url: "http://a.example",
      experimental_bearer_token: "sk-2",
    });
    assert.deepEqual(provider({ apiKey: "sk-2" }, { apiKey: "sk-1", baseUrl: "http://a.example" }), {
      ...base,
      base_url: "http://a.example",
      experimental_bearer_token: "sk-1",
    });
  });

  test("beside those of the configuration", () => {
    const codex = { baseUrl: "http://a.example", config: { model_providers: { mine: { name: "Mine" } } } };
    const { model_providers: providers } = configOf(codex) as { model_providers: object };
    assert.deepEqual(Object.keys(providers), ["mine", "switchyard"]);
  });

  test("and rejects an endpoint that is not a URL, naming the option", () => {
    for (const baseUrl of ["", "localhost:1234/v1", "ftp://a.example", "/v1"]) {
      assert.match(refusal({ baseUrl }), /^baseUrl ".*" is not an http or https URL$/);
    }
  });
});

suite("buildThreadSpec merges the configuration", () => {
  const merged = (config: CodexOptions["config"], ...configOverrides: string[]): unknown => {
    const {
      projects: _p,
      mcp_optional_startup_grace_ms: _g,
      shell_environment_policy: _s,
      ...rest
    } = configOf({
      ...(config === undefined ? {} : { config }),
      configOverrides,
    });
    return rest;
  };

  const cases: readonly (readonly [
    what: string,
    config: CodexOptions["config"],
    overrides: string[],
    wanted: object,
  ])[] = [
    ["nested objects", { a: { b: { c: 1 } } }, [], { a: { b: { c: 1 } } }],
    ["dotted keys", { "a.b.c": 1, "a.b.d": 2 }, [], { a: { b: { c: 1, d: 2 } } }],
    ["dotted keys into nested objects", { a: { b: 1 }, "a.c": 2 }, [], { a: { b: 1, c: 2 } }],
    ["nested objects into dotted keys", { "a.c": 2, a: { b: 1 } }, [], { a: { b: 1, c: 2 } }],
    ["dotted keys inside objects", { a: { "b.c": 1, b: { d: 2 } } }, [], { a: { b: { c: 1, d: 2 } } }],
    ["the later of two values", { a: 1, "a.b": 2 }, [], { a: { b: 2 } }],
    ["lists as a whole", { a: [1, 2] }, ["a=[3]"], { a: [3] }],
    ["overrides over the configuration", { a: { b: 1, c: 1 } }, ["a.b=2"], { a: { b: 2, c: 1 } }],
    ["an override's table into an object", { a: { b: 1 } }, ["a={c=2}"], { a: { b: 1, c: 2 } }],
    ["a number", undefined, ["a=1"], { a: 1 }],
    ["true", undefined, [" a = true "], { a: true }],
    ["a quoted string", undefined, ['a="x=y"'], { a: "x=y" }],
    [
      "what is not valid TOML as a string",
      undefined,
      ["a=gpt-5 mini", "b=", "c=a=b"],
      { a: "gpt-5 mini", b: "", c: "a=b" },
    ],
    ["a list", undefined, ['a=["x", "y"]'], { a: ["x", "y"] }],
    ["a date as the text it was", undefined, ["a=2024-05-06"], { a: "2024-05-06" }],
    [
      "a number no double can hold as a string",
      undefined,
      ["a=12345678901234567890"],
      { a: "12345678901234567890" },
    ],
    ["names every object has", undefined, ["constructor.toString=1"], { constructor: { toString: 1 } }],
  ];
  for (const [what, config, overrides, wanted] of cases) {
    test(what, () => assert.deepEqual(merged(config, ...overrides), wanted));
  }

  test("and rejects an override without a key or a value, naming it", () => {
    for (const override of ["", "=1", "model", "  "]) {
      assert.equal(
        refusal({ configOverrides: [override] }),
        `configOverrides: ${JSON.stringify(override)} is not "key=value"`,
      );
    }
  });

  test("and changes no object but its own, for any keys", () => {
    const pollute = JSON.parse('{"a":{"__proto__":{"polluted":1}}}') as NonNullable<CodexOptions["config"]>;
    const attempts: CodexOptions[] = [
      { config: { "__proto__.polluted": 1 } },
      { config: pollute },
      { config: JSON.parse('{"__proto__":{"polluted":1}}') as NonNullable<CodexOptions["config"]> },
      { configOverrides: ["__proto__.polluted=1"] },
      { configOverrides: ["a={__proto__={polluted=1}}"] },
    ];
    for (const codex of attempts) assert.match(refusal(codex), /^config: ".*__proto__.*" is not a key$/);
    build({ config: { "constructor.prototype.polluted": 1 } });
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  });

  test("and leaves the host's own objects as they are", () => {
    const config = { a: { b: { c: 1 } }, shell_environment_policy: { set: { A: "1" } } };
    const before = structuredClone(config);
    build({ config, configOverrides: ["a.b.c=2", "a.x=1"] }, { env: { B: "2" } });
    assert.deepEqual(config, before);
  });

  test("to the same, however the same keys are nested", () => {
    const path = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(path, fc.integer(), fc.nat(2), (keys, value, split) => {
        const nest = (names: readonly string[], inner: unknown): unknown =>
          names.reduceRight((below: unknown, name) => ({ [name]: below }), inner);
        const dotted = { [keys.join(".")]: value };
        const head = keys.slice(0, split);
        const tail = keys.slice(split);
        const mixed = tail.length === 0 ? dotted : nest(head, { [tail.join(".")]: value });
        const wanted = nest(keys, value);
        for (const config of [dotted, mixed, wanted]) {
          assert.deepEqual(merged(config as CodexOptions["config"]), wanted);
        }
      }),
    );
  });
});

suite("buildThreadSpec takes the servers", () => {
  const names = (codex: CodexOptions, thread: ThreadOptions = {}): string[] =>
    build(codex, thread).servers.map(({ name }) => name);
  const url = "https://host.example/mcp";

  test("of the thread, and else those of the configuration", () => {
    assert.deepEqual(names({}), []);
    assert.deepEqual(names({ config: { mcp_servers: { a: { url } } } }), ["a"]);
    assert.deepEqual(
      names({ config: { "mcp_servers.a.url": url }, configOverrides: [`mcp_servers.b.url="${url}"`] }),
      ["a", "b"],
    );
    assert.deepEqual(names({ config: { mcp_servers: { a: { url } } } }, { mcpServers: { c: { url } } }), [
      "c",
    ]);
    assert.deepEqual(names({ config: { mcp_servers: { a: { url } } } }, { mcpServers: {} }), []);
  });

  test("out of the configuration it sends, and waits for all of them", () => {
    const config = configOf({ config: { mcp_servers: { a: { url } } } });
    assert.equal("mcp_servers" in config, false);
    assert.equal(config.mcp_optional_startup_grace_ms, 0);
  });

  test("with approval implied only when the policy is never to ask", () => {
    const mode = (approvalPolicy?: ThreadOptions["approvalPolicy"]): unknown =>
      build({}, { mcpServers: { a: { url } }, ...(approvalPolicy === undefined ? {} : { approvalPolicy }) })
        .servers[0]?.config.default_tools_approval_mode;
    assert.deepEqual(
      [mode(), mode("never"), mode("on-request"), mode("on-failure"), mode("untrusted")],
      ["approve", "approve", undefined, undefined, undefined],
    );
  });

  test("of a wrong configuration not at all, naming the server", () => {
    assert.match(
      refusal({ config: { mcp_servers: { a: { uri: url } } } }),
      /^config\.mcp_servers\.a: invalid transport/,
    );
    assert.match(refusal({ configOverrides: ["mcp_servers=1"] }), /^config\.mcp_servers: must be an object/);
  });
});

suite("buildThreadSpec sends", () => {
  test("never as the approval policy by default, and on-request for on-failure", () => {
    const policy = (approvalPolicy: NonNullable<ThreadOptions["approvalPolicy"]>): unknown =>
      build({}, { approvalPolicy }).start.approvalPolicy;
    assert.equal(build().start.approvalPolicy, "never");
    assert.deepEqual((["never", "on-request", "on-failure", "untrusted"] as const).map(policy), [
      "never",
      "on-request",
      "on-request",
      "untrusted",
    ]);
  });

  test("a read-only sandbox by default, except in the user's own home, where theirs stays", () => {
    assert.equal(build().start.sandbox, "read-only");
    assert.equal(build({ home: "switchyard" }).start.sandbox, "read-only");
    assert.equal(build({ home: { path: "h" } }).start.sandbox, "read-only");
    assert.equal(build({ home: "user" }).start.sandbox, undefined);
    assert.equal(
      build({ home: "user" }, { sandboxMode: "workspace-write" }).start.sandbox,
      "workspace-write",
    );
  });

  test("the model, source and life of the thread, and nothing that its options leave out", () => {
    assert.deepEqual(
      Object.keys(build().start).toSorted((a, b) => a.localeCompare(b)),
      ["approvalPolicy", "config", "cwd", "sandbox"],
    );
    const { start } = build({}, { model: "m", threadSource: "t", ephemeral: true });
    assert.deepEqual([start.model, start.threadSource, start.ephemeral], ["m", "t", true]);
    assert.equal("ephemeral" in build({}, { ephemeral: false }).start, false);
  });

  test("the SDK's options under Codex's keys", () => {
    const config = configOf(
      {},
      {
        modelReasoningEffort: "high",
        networkAccessEnabled: false,
        additionalDirectories: ["/data", "below"],
        workingDirectory: tmpdir(),
        skipGitRepoCheck: true,
      },
    );
    assert.equal(config.model_reasoning_effort, "high");
    assert.deepEqual(config.sandbox_workspace_write, {
      network_access: false,
      writable_roots: [resolve("/data"), resolve(tmpdir(), "below")],
    });
    assert.equal("sandbox_workspace_write" in configOf({}, { additionalDirectories: [] }), false);
  });

  test("the web search mode, which counts more than the old switch", () => {
    const mode = (thread: ThreadOptions): unknown => configOf({}, thread).web_search;
    assert.deepEqual(
      [
        mode({}),
        mode({ webSearchEnabled: true }),
        mode({ webSearchEnabled: false }),
        mode({ webSearchMode: "cached", webSearchEnabled: false }),
      ],
      [undefined, "live", "disabled", "cached"],
    );
  });

  test("a minimal environment for commands, unless asked otherwise (F2)", () => {
    const policy = (codex: CodexOptions, thread: ThreadOptions = {}): unknown =>
      configOf(codex, thread).shell_environment_policy;
    assert.deepEqual(policy({}), { inherit: "core" });
    assert.deepEqual(policy({ env: {} }), { inherit: "all" });
    assert.deepEqual(policy({ env: {} }, { inheritEnv: false }), { inherit: "core" });
    assert.deepEqual(policy({}, { inheritEnv: true, env: { A: "1" } }), { inherit: "all", set: { A: "1" } });
    const config = { shell_environment_policy: { inherit: "none", set: { A: "1", B: "1" }, exclude: ["X"] } };
    assert.deepEqual(policy({ config }, { env: { B: "2" } }), {
      inherit: "none",
      set: { A: "1", B: "2" },
      exclude: ["X"],
    });
    assert.deepEqual(policy({ config, env: {} }), {
      inherit: "none",
      set: { A: "1", B: "1" },
      exclude: ["X"],
    });
    assert.deepEqual(policy({ config }, { inheritEnv: true }), {
      ...config.shell_environment_policy,
      inherit: "all",
    });
  });

  test("no key of a provider in the home for commands, unless the host gives the process an environment (F2)", () => {
    const home = { selected: undefined, tables: { a: { env_key: "A_KEY" } }, openaiBaseUrl: undefined };
    const policy = (codex: CodexOptions, thread: ThreadOptions): unknown =>
      buildThreadSpec(codex, thread, {}, () => home).start.config?.shell_environment_policy;
    const config = { shell_environment_policy: { exclude: ["X"] } };
    assert.deepEqual(policy({}, { inheritEnv: true }), { inherit: "all", exclude: ["A_KEY"] });
    assert.deepEqual(policy({ config }, { inheritEnv: true }), { inherit: "all", exclude: ["X", "A_KEY"] });
    assert.deepEqual(policy({}, {}), { inherit: "core" });
    assert.deepEqual(policy({ env: {} }, {}), { inherit: "all" });
  });

  test("a secret in the configuration and in the servers only, and lists every one of them (F3)", () => {
    const codex: CodexOptions = {
      baseUrl: "https://a.example/v1",
      apiKey: "SECRET-codex",
      modelRequests: "direct",
    };
    const thread: ThreadOptions = {
      apiKey: "SECRET-thread",
      model: "m",
      workingDirectory: dirname(process.execPath),
      mcpServers: {
        http: { url: "https://host.example/mcp?key=SECRET-query", bearer_token_env_var: "TOKEN" },
        stdio: { command: "node", env: { KEY: "SECRET-env" } },
      },
    };
    const { start, servers, secrets } = build(codex, thread, { TOKEN: "SECRET-token" });
    const { config, ...rest } = start;
    assert.ok(!JSON.stringify(rest).includes("SECRET"));
    assert.deepEqual(JSON.stringify(config).match(/SECRET-\w+/g), ["SECRET-thread"]);
    const sent = new Set(
      JSON.stringify([config, servers.map((server) => server.config)]).match(/SECRET-\w+/g),
    );
    assert.deepEqual(sent, new Set(["SECRET-thread", "SECRET-query", "SECRET-token", "SECRET-env"]));
    for (const secret of sent) assert.ok(secrets.includes(secret), secret);
  });
});

suite("buildInput", () => {
  const text = (words: string): object => ({ type: "text", text: words, text_elements: [] });

  test("takes a string as one text", () => {
    assert.deepEqual(buildInput("hello"), [text("hello")]);
    assert.deepEqual(buildInput(""), [text("")]);
  });

  test("puts images first, by absolute paths, and the texts behind them as one", () => {
    assert.deepEqual(
      buildInput([
        { type: "text", text: "one" },
        { type: "local_image", path: "a.png" },
        { type: "text", text: "two" },
        { type: "local_image", path: resolve("/b.png") },
      ]),
      [
        { type: "localImage", path: resolve("a.png") },
        { type: "localImage", path: resolve("/b.png") },
        text("one\n\ntwo"),
      ],
    );
  });

  test("adds no text when there is no text", () => {
    assert.deepEqual(buildInput([]), []);
    assert.equal(buildInput([{ type: "local_image", path: "a" }]).length, 1);
  });
});

suite("features", () => {
  const of = (codex: CodexOptions, thread: ThreadOptions = {}): unknown =>
    buildThreadSpec(codex, thread, {}).start.config?.features;

  test("of all threads are flags of the process, not of each thread", () => {
    const codex: CodexOptions = {
      config: { features: { multi_agent: true } },
      configOverrides: ["features.goals=false"],
    };
    assert.equal(of(codex), undefined);
    const flags = processFeatures(codex);
    assert.equal(flags.multi_agent, true);
    assert.equal(flags.goals, false);
    assert.equal(flags.shell_snapshot, false);
  });

  test("of one thread are sent together with those of all, because Codex replaces them as a whole", () => {
    const features = of(
      { config: { "features.goals": false } },
      { config: { features: { multi_agent: true } } },
    );
    assert.deepEqual(features, { ...processFeatures({}), goals: false, multi_agent: true });
  });
});
