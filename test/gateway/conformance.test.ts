/**
 * The server scenarios of the official conformance suite, as each revision requires them, against the gateway in front of a server
 * that has all they ask for: over HTTP, over stdio, and over stdio on an executor.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { Gateway } from "../../src/gateway/index.ts";
import { type EnvironmentDefinition, McpManager, type McpThreadOptions } from "../../src/mcp/index.ts";
import { startServer } from "../executor/support/subjects.ts";
import { NODE_VARIABLES } from "../support/command.ts";
import { sample } from "../support/sample.ts";
import { EverythingHttp } from "./support/everything-http.ts";
import { OFFERS } from "./support/gateway-bench.ts";

const conformance = join(import.meta.dirname, "../../node_modules/@modelcontextprotocol/conformance");
const program = join(import.meta.dirname, "support/everything-stdio.ts");
const stdio = { command: process.execPath, args: [program] };
const timeout = 120_000;

/** The era of the server behind. */
const ERA = { "2025-11-25": "legacy", "2026-07-28": "modern" } as const;
type Revision = keyof typeof ERA;

/** Reported besides, and failing: there are no tasks. */
const NOT_OFFERED = /^tasks-/;

interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
}

/** Every third one has both revisions. */
const CASES: readonly (readonly [Revision, where: string])[] = [
  ["2025-11-25", "HTTP"],
  ["2026-07-28", "HTTP"],
  ["2025-11-25", "stdio on an executor"],
  ["2026-07-28", "stdio"],
  ["2025-11-25", "stdio"],
  ["2026-07-28", "stdio on an executor"],
  ["2025-11-25", "HTTP, of the other era"],
];

suite("conformance of the gateway", { timeout }, () => {
  for (const [revision, where] of sample(CASES, 3)) {
    test(`${revision}, in front of a server over ${where}`, async () => {
      if (where.startsWith("HTTP")) {
        await using server = await EverythingHttp.start(where === "HTTP" ? ERA[revision] : "modern");
        return await assertConforms(revision, { url: server.url });
      }
      if (where === "stdio") return assertConforms(revision, stdio);
      await using executor = await startServer();
      const cwd = import.meta.dirname;
      const environments = [{ id: "box", kind: "url", url: executor.url }] as const;
      await assertConforms(revision, { ...stdio, cwd, environment_id: "box" }, environments);
    });
  }
});

async function assertConforms(
  revision: Revision,
  server: object,
  environments: readonly EnvironmentDefinition[] = [],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-conformance-"));
  try {
    await using manager = new McpManager({
      publish: false,
      catalogFolder: false,
      environments,
    });
    await using gateway = await Gateway.start();
    const thread = manager.openThread({
      servers: { a: server } as McpThreadOptions["servers"],
      offers: OFFERS,
    });
    const url = gateway.openThread(thread).urlOf("a", { capability: "path" });
    const args = [
      "server",
      "--url",
      url.replace("127.0.0.1", "localhost"),
      "--requirements",
      revision,
      "-o",
      folder,
    ];
    const said = await run([join(conformance, "dist/index.js"), ...args]);
    const failed: string[] = [];
    const passed = new Set<string>();
    for (const report of readdirSync(folder)) {
      const [, scenario = ""] = /^server-(.+?)-\d{4}-\d\d-\d\dT/.exec(report) ?? [];
      const checks = JSON.parse(
        readFileSync(join(folder, report, "checks.json"), "utf8"),
      ) as readonly Check[];
      const wrong = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
      if (wrong.length === 0) passed.add(scenario);
      else if (!NOT_OFFERED.test(scenario)) failed.push(`${scenario}: ${JSON.stringify(wrong, null, 2)}`);
    }
    assert.ok(failed.length === 0, failed.join("\n"));
    const missing = requiredBy(revision).filter((scenario) => !passed.has(scenario));
    assert.deepEqual(missing, [], said);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function requiredBy(revision: string): readonly string[] {
  const text = readFileSync(join(conformance, "requirements", `${revision}.yaml`), "utf8");
  const [, required = ""] = /^server:\n((?:(?: +- \S+| *#.*)?\n)+)/m.exec(text) ?? [];
  const names = [...required.matchAll(/^ +- (\S+)/gm)].map(([, name = ""]) => name);
  assert.ok(names.length >= 30, `${names.length} scenarios`);
  return names;
}

/** Runs Node with a clean environment. @returns what it wrote */
function run(args: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const options = { env: NODE_VARIABLES, timeout, maxBuffer: 16 << 20 };
  // It fails when a scenario does, of which the reports tell more.
  execFile(process.execPath, args, options, (_error, stdout, stderr) => resolve(`${stdout}${stderr}`));
  return promise;
}
