/**
 * One of the processes that share a login. Each line of stdin is a question, each line of stdout its answer:
 * `{"store":"codex"|"folder","last":TOKEN}`, and `{"token":TOKEN}` or `{"error":MESSAGE}`.
 *
 * Arguments: the folder of the stores, and the URL of the MCP server.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { messageOf } from "../../../src/base/errors.ts";
import { codexLoginStore } from "../../../src/mcp/auth/codex-store/codex-login-store.ts";
import { folderLoginStores } from "../../../src/mcp/auth/folder-login-store.ts";
import { LoginBroker } from "../../../src/mcp/auth/login-broker.ts";
import { check } from "../../../src/servers/check.ts";

export interface Asked {
  readonly store: "codex" | "folder";
  /** The token that was answered with 401. */
  readonly last: string;
}

export interface Answered {
  readonly token?: string;
  readonly error?: string;
}

const [folder = "", url = ""] = process.argv.slice(2);
const checked = check({ svc: { url } }, []);
const config = checked.ok ? checked.value.configs.get("svc") : undefined;
assert.ok(config);
const codex = codexLoginStore({ codexHome: join(folder, "codex"), kept: "file" });
const stores = folderLoginStores(join(folder, "tenants"));
await using broker = new LoginBroker({
  stores: (principal) => (principal === "codex" ? codex : stores(principal)),
});
const { signal } = new AbortController();

console.log("{}");
for await (const line of createInterface(process.stdin)) {
  const { store, last } = JSON.parse(line) as Asked;
  const about = { server: "svc", config, principal: store, why: "unauthorized", last, signal } as const;
  const answer: Answered = await broker.token(about).then(
    (token) => (token === undefined ? {} : { token: token.token }),
    (error: unknown) => ({ error: messageOf(error) }),
  );
  console.log(JSON.stringify(answer));
}
