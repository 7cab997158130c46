import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ConfigLayer, ConfigLayers } from "../layers/layers.ts";
import { formatPlace } from "../problem.ts";
import { parseToml } from "../../toml/parse.ts";
import type { LoadedEnvironment } from "./types.ts";
import { checkServerEnvironments, findEnvironment } from "./find-environment.ts";
import type { LoadedEnvironments } from "./load-environments.ts";

function loaded(fates: Readonly<Record<string, string | true>>): LoadedEnvironments {
  const environments = Object.entries(fates).map(([id, fate]): [string, LoadedEnvironment] => {
    const common = { id, errors: [], warnings: [], origins: new Map(), definedIn: undefined };
    if (fate !== true) return [id, { ...common, status: "invalid", reason: fate }];
    return [id, { ...common, status: "usable", config: { id, kind: "url", url: "ws://a" } }];
  });
  return { environments: new Map(environments), errors: [], warnings: [] };
}

function refusal(fates: Readonly<Record<string, string | true>>, id: string): string {
  const found = findEnvironment(loaded(fates), id);
  assert.ok(!found.ok);
  return `${found.message}. ${found.hint}`;
}

suite("findEnvironment", () => {
  test("has the one of that very name", () => {
    const found = findEnvironment(loaded({ local: true, box: true }), "box");
    assert.equal(found.ok && found.environment.id, "box");
  });

  test("says which ones there are, and which one was probably meant", () => {
    assert.equal(
      refusal({ local: true, box: true, bad: "it is broken" }, "bxo"),
      'there is no environment "bxo". Did you mean "box"? There are "local", "box"',
    );
    assert.equal(refusal({ local: true }, "lab"), 'there is no environment "lab". There is "local"');
    assert.equal(refusal({}, "lab"), 'there is no environment "lab". No environment can be used');
  });

  test("says why an existing one cannot be used", () => {
    assert.equal(
      refusal({ local: true, bad: "it is broken" }, "bad"),
      'environment "bad" cannot be used: it is broken. There is "local"',
    );
  });

  test("lists no more than a screen of them", () => {
    const fates = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [`box-${index}`, true as const]),
    );
    assert.ok(refusal(fates, "x").length < 400);
  });
});

function layers(...texts: readonly (readonly [text: string, inactive?: true])[]): ConfigLayers {
  return {
    layers: texts.map(([text, inactive], index): ConfigLayer => {
      const source = { name: `${index}.toml`, text };
      const parsed = parseToml(source);
      assert.ok(parsed.ok);
      return {
        name: "switchyard",
        source,
        own: true,
        root: parsed.document.root,
        ...(inactive === true ? { inactive: { reason: "", hint: "" } } : {}),
      };
    }),
    project: { cwd: "/", folders: ["/"] },
  };
}

suite("checkServerEnvironments", () => {
  const warnings = (toml: string, fates: Readonly<Record<string, string | true>>): string[] =>
    checkServerEnvironments(layers([toml]), loaded(fates)).map(
      ({ message, place }) => `${place === undefined ? "" : formatPlace(place)} ${message}`,
    );

  test("warns of a server on an environment that is not there, at the word", () => {
    assert.deepEqual(
      warnings('[mcp_servers.a]\ncommand = "x"\nenvironment_id = "bxo"\n', { local: true, box: true }),
      ['0.toml:3:18 MCP server "a" will not run: there is no environment "bxo"'],
    );
  });

  test("is silent about servers that are switched off, on an environment that is there, or on no machine", () => {
    const toml = `
[mcp_servers.off]
command = "x"
environment_id = "bxo"
enabled = false
[mcp_servers.box]
command = "x"
environment_id = "box"
[mcp_servers.http]
url = "https://example.com"
`;
    assert.deepEqual(warnings(toml, { box: true }), []);
  });

  test("warns of a command without an environment where local is off", () => {
    assert.deepEqual(warnings('[mcp_servers.a]\ncommand = "x"\n', { local: "it is off" }), [
      '0.toml:1:14 MCP server "a" will not run: environment "local" cannot be used: it is off',
    ]);
  });

  test("sees servers as the layers that count make them", () => {
    const made = layers(
      ['[mcp_servers.a]\ncommand = "x"\nenvironment_id = "no"\n'],
      ['[mcp_servers.a]\nenvironment_id = "box"\n'],
      ['[mcp_servers.a]\nenvironment_id = "nowhere"\n', true],
    );
    assert.deepEqual(checkServerEnvironments(made, loaded({ box: true })), []);
  });

  test("ignores what is not an environment id or a server, which has an error of its own", () => {
    for (const toml of [
      "mcp_servers = 1\n",
      "[mcp_servers]\na = 1\n",
      "[mcp_servers.a]\nenvironment_id = 1\n",
    ]) {
      assert.deepEqual(warnings(toml, {}), []);
    }
  });
});
