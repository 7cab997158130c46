/** What Codex's own commands made of a file, and what the same edits mean here. The fixtures come from the real binary. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toNormalForm } from "../../src/config/server/normal-form.ts";
import { readMcpServers } from "../../src/config/server/read-servers.ts";
import { nodeAt, toPlain } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import type { WrittenMcpServer } from "../../src/config/server/types.ts";
import { applyEdits } from "../../src/config/edit/apply-edits.ts";
import type { ConfigEdit } from "../../src/config/edit/edits.ts";
import { readRecordings } from "./support/recorder.ts";

function edited(text: string, edits: readonly ConfigEdit[]): string {
  return applyEdits({ name: "config.toml", text }, edits);
}

/** The servers in Codex's normal form, valid ones, and the rest as it is. What Codex drops for being empty does not count. */
function meaning(text: string): unknown {
  const result = parseToml({ name: "config.toml", text });
  assert.ok(result.ok, text);
  const { root } = result.document;
  const servers = readMcpServers(nodeAt(root, ["mcp_servers"]));
  // Of two texts that are invalid nothing could be compared.
  assert.ok(servers.ok, text);
  const forms = [...servers.servers].map(([name, config]) => [name, toNormalForm(config)]);
  const { mcp_servers: _, ...others } = toPlain(root) as Record<string, unknown>;
  return withoutEmpty({ servers: Object.fromEntries(forms), others });
}

function withoutEmpty(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, withoutEmpty(inner)] as const);
  return Object.fromEntries(
    entries.filter(([key, inner]) =>
      typeof inner === "object" && inner !== null
        ? Object.keys(inner).length > 0
        : key !== "oauth_resource" || inner !== "",
    ),
  );
}

/** `codex mcp add` and `remove`, as an edit. */
function commandEdit(argv: readonly string[]): ConfigEdit | undefined {
  const [command, name = "", ...rest] = argv.slice(argv.indexOf("mcp") + 1);
  if (command === "remove") return { kind: "remove", name };
  if (command !== "add") return undefined;
  const flags = new Map<string, string[]>();
  const words: string[] = [];
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] as string;
    if (words.length === 0 && word === "--") words.push(...rest.splice(i + 1));
    else if (words.length === 0 && word.startsWith("--")) {
      flags.set(word, [...(flags.get(word) ?? []), rest[++i] as string]);
    } else words.push(word);
  }
  const one = (flag: string): string | undefined => flags.get(flag)?.at(-1);
  const env = (flags.get("--env") ?? []).map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at).trim(), pair.slice(at + 1)];
  });
  const url = one("--url");
  if (one("--oauth-client-id") !== undefined) return undefined;
  const server: Record<string, unknown> = {
    command: words[0],
    args: words.length > 1 ? words.slice(1) : undefined,
    env: env.length > 0 ? Object.fromEntries(env) : undefined,
    url,
    bearer_token_env_var: one("--bearer-token-env-var"),
    oauth_resource: one("--oauth-resource"),
  };
  return { kind: "replace", name, server };
}

test("an edit means what the same command of Codex means", () => {
  let compared = 0;
  for (const { name, before, after, argv, exit } of readRecordings("config-edits.jsonl")) {
    const edit = commandEdit(argv);
    if (exit !== 0 || edit === undefined || before === after) continue;
    assert.deepEqual(meaning(edited(before ?? "", [edit])), meaning(after ?? ""), name);
    compared++;
  }
  assert.ok(compared > 40, String(compared));
});

test("an edit means what the same write through Codex's app-server means", () => {
  let compared = 0;
  for (const { name, before, after, params, error } of readRecordings("config-rpc-edits.jsonl")) {
    const writes = "edits" in params ? params.edits : [params];
    if (error !== null || writes.some((write) => !/^mcp_servers\.[^."]+/.test(write.keyPath))) continue;
    if (writes.some((write) => write.mergeStrategy === "upsert" && typeof write.value === "object")) continue;
    const edits = writes.map(({ keyPath, value }): ConfigEdit => {
      const [, server = "", ...key] = keyPath.split(".");
      if (key.length === 0) {
        return value === null
          ? { kind: "remove", name: server }
          : { kind: "replace", name: server, server: value as WrittenMcpServer };
      }
      return value === null
        ? { kind: "unset", name: server, key }
        : { kind: "set", name: server, key, value };
    });
    const result = before === after ? before : edited(before ?? "", edits);
    assert.deepEqual(meaning(result ?? ""), meaning(after ?? ""), name);
    compared++;
  }
  assert.ok(compared > 8, String(compared));
});
