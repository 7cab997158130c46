import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { McpServerConfig } from "../../config/server/types.ts";
import { readMcpServers } from "../../config/server/read-servers.ts";
import { parseToml } from "../../toml/parse.ts";
import { programOf } from "./program.ts";

function configOf(command: string, args: readonly string[]): McpServerConfig {
  const text = `[mcp_servers.a]\ncommand = ${JSON.stringify(command)}\nargs = ${JSON.stringify(args)}\n`;
  const parsed = parseToml({ name: "a.toml", text });
  assert.ok(parsed.ok);
  const config = readMcpServers(parsed.document.root.entries.get("mcp_servers")?.value).servers.get("a");
  assert.ok(config !== undefined);
  return config;
}

suite("programOf", () => {
  const lines: readonly (readonly [line: string, at: number | undefined, name?: string, version?: string])[] =
    [
      ["npx -y some-mcp", 1, "some-mcp"],
      ["npx some-mcp@latest", 0, "some-mcp"],
      ["npx some-mcp@^1.2", 0, "some-mcp"],
      ["npx -y @scope/mcp@1.2.3 --verbose", 1, "@scope/mcp", "1.2.3"],
      ["npx --yes --package other-mcp@2.0.0-rc.1 run-it", 2, "other-mcp", "2.0.0-rc.1"],
      ["/usr/bin/npx --registry https://r.example some-mcp", 2, "some-mcp"],
      ["npm exec -- some-mcp", 2, "some-mcp"],
      ["pnpm dlx some-mcp@1.0.0", 1, "some-mcp", "1.0.0"],
      ["bunx some-mcp", 0, "some-mcp"],
      ["npx ./local", undefined],
      ["npx github:me/mcp", undefined],
      ["npm run serve", undefined],
      ["uvx mcp-server-git", 0, "mcp-server-git"],
      ["uvx mcp-server-git==2025.1.14", 0, "mcp-server-git", "2025.1.14"],
      ["uvx --python 3.12 mcp-server-git@latest", 2, "mcp-server-git"],
      ["uvx --from mcp-tools[all]==1.4 serve", 1, "mcp-tools", "1.4"],
      ["uvx --from git+https://example.com/a.git serve", undefined],
      ["uv tool run mcp-server-git", 2, "mcp-server-git"],
      ["pipx run --spec mcp-tools==1.4 serve", 2, "mcp-tools", "1.4"],
      ["docker run -i --rm mcp/time", 3, "mcp/time"],
      [
        "docker run -i -e A_TOKEN --mount type=bind,src=/a,dst=/b ghcr.io/a/b:1.2.3",
        6,
        "ghcr.io/a/b",
        "1.2.3",
      ],
      ["podman run --env=A=b -i localhost:5000/a:latest", 3, "localhost:5000/a"],
      ["docker compose run mcp", undefined],
      ["node server.js", undefined],
    ];
  for (const [line, at, name, version] of lines) {
    test(`reads what \`${line}\` gets from a registry`, () => {
      const [command = "", ...args] = line.split(" ");
      const runs = programOf(configOf(command, args), "/", { PATH: "" })?.runs;
      assert.deepEqual([runs?.at, runs?.name, runs?.version], [at, name, version]);
      if (runs !== undefined) assert.equal(args[runs.at], runs.spec);
    });
  }

  test("finds the script of an interpreter, and takes no flag for one", () => {
    const scriptOf = (command: string, ...args: readonly string[]): string | undefined =>
      programOf(configOf(command, args), "/w", { PATH: "" })?.script;
    assert.equal(scriptOf("node", "--enable-source-maps", "dist/a.js", "--x"), "/w/dist/a.js");
    assert.equal(scriptOf("/usr/bin/python3", "a.py"), "/w/a.py");
    assert.equal(scriptOf("python3", "-m", "mcp_server"), undefined);
    assert.equal(scriptOf("node", "-e", "a.js"), undefined);
    assert.equal(scriptOf("deno", "run", "a.ts"), "/w/a.ts");
    assert.equal(scriptOf("bun", "serve"), undefined);
  });
});
