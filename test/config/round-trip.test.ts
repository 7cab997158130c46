/** Every valid configuration survives the way through its shortest table, as an object and as TOML. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toWritten } from "../../src/config/server/normal-form.ts";
import { parseMcpServers, readMcpServers } from "../../src/config/server/read-servers.ts";
import { formatValue } from "../../src/toml/format.ts";
import { fromPlain, nodeAt } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import { randomServers } from "./support/random-servers.ts";

test("toWritten of a valid configuration reads as the same configuration (N2)", () => {
  let compared = 0;
  fc.assert(
    fc.property(randomServers, (node) => {
      const own = { own: true };
      const servers = readMcpServers(node, own).servers;
      const raw = new Map([...servers].map(([name, config]) => [name, toWritten(config)]));
      const { warnings, ...read } = parseMcpServers(raw, own);
      assert.deepEqual(read, { ok: true, servers, errors: [] });
      for (const { message } of warnings) assert.match(message, /^header .* Codex leaves it out$/s);

      const parsed = parseToml({ name: "x", text: `mcp_servers = ${formatValue(fromPlain(raw))}\n` });
      assert.ok(parsed.ok);
      const fromText = readMcpServers(nodeAt(parsed.document.root, ["mcp_servers"]), own);
      assert.deepEqual(fromText.servers, servers);
      compared += servers.size;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(compared > 100, `${compared} valid servers only`);
});
