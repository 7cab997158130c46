/**
 * The client scenarios of the official conformance suite, with our manager as the client: those that a revision of the
 * specification requires, and those that the suite reports besides. From here, and through an executor.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { startServer } from "../executor/support/subjects.ts";
import { NODE_VARIABLES } from "../support/command.ts";
import { sample } from "../support/sample.ts";

const conformance = join(import.meta.dirname, "../../node_modules/@modelcontextprotocol/conformance");
const client = join(import.meta.dirname, "support/conformance-client.ts");
const REVISIONS = ["2025-11-25", "2026-07-28"] as const;
/** Of one scenario, in milliseconds. The client ends earlier by itself. */
const TIMEOUT_MS = 60_000;
const RUN_MS = 40_000;

/** They need a login (OAuth), which there is not yet. Every other scenario runs, also one that a later version brings. */
const NEED_LOGIN: readonly string[] = [
  "auth/authorization-server-migration",
  "auth/basic-cimd",
  "auth/client-credentials-basic",
  "auth/client-credentials-jwt",
  "auth/dpop",
  "auth/dpop-nonce",
  "auth/enterprise-managed-authorization",
  "auth/iss-normalized",
  "auth/iss-not-advertised",
  "auth/iss-supported",
  "auth/iss-supported-missing",
  "auth/iss-unexpected",
  "auth/iss-wrong-issuer",
  "auth/metadata-default",
  "auth/metadata-issuer-mismatch",
  "auth/metadata-var1",
  "auth/metadata-var2",
  "auth/metadata-var3",
  "auth/offline-access-not-supported",
  "auth/offline-access-scope",
  "auth/pre-registration",
  "auth/resource-mismatch",
  "auth/scope-from-scopes-supported",
  "auth/scope-from-www-authenticate",
  "auth/scope-omitted-when-undefined",
  "auth/scope-retry-limit",
  "auth/scope-step-up",
  "auth/token-endpoint-auth-basic",
  "auth/token-endpoint-auth-none",
  "auth/token-endpoint-auth-post",
  "auth/wif-jwt-bearer",
];

interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
}

suite("conformance of the client", () => {
  test("every scenario that is left out is one of the official suite", () => {
    const all = new Set(REVISIONS.flatMap(scenariosOf));
    assert.deepEqual(
      NEED_LOGIN.filter((name) => !all.has(name)),
      [],
    );
  });

  for (const revision of REVISIONS) {
    const scenarios = scenariosOf(revision).filter((name) => !NEED_LOGIN.includes(name));

    test(`revision ${revision} has scenarios that need no login`, () => assert.ok(scenarios.length > 4));

    for (const scenario of scenarios)
      test(`${revision}: ${scenario}`, { timeout: TIMEOUT_MS }, () => assertPasses(scenario, revision));

    for (const scenario of sample(scenarios, 4)) {
      test(`${revision}: ${scenario}, through an executor`, { timeout: TIMEOUT_MS }, async () => {
        await using executor = await startServer();
        await assertPasses(scenario, revision, { SWITCHYARD_TEST_EXECUTOR: executor.url });
      });
    }
  }
});

/** What a client has to pass, and what is reported besides. */
function scenariosOf(revision: string): readonly string[] {
  const text = readFileSync(join(conformance, "requirements", `${revision}.yaml`), "utf8");
  const [, required = ""] = /^client:\n((?: +- \S+\n)+)/m.exec(text) ?? [];
  const reported = text.matchAll(/- scenario: (\S+)\n +leg: client\n/g);
  return [...required.matchAll(/- (\S+)/g), ...reported].map(([, name = ""]) => name);
}

async function assertPasses(
  scenario: string,
  revision: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-conformance-"));
  try {
    const which = ["--scenario", scenario, "--spec-version", revision];
    const command = ["--command", `"${process.execPath}" "${client}"`, "-o", folder];
    const said = await run([join(conformance, "dist/index.js"), "client", ...which, ...command], {
      ...NODE_VARIABLES,
      ...variables,
    });
    const [report = ""] = readdirSync(folder);
    const checks = JSON.parse(readFileSync(join(folder, report, "checks.json"), "utf8")) as readonly Check[];
    const failed = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
    assert.ok(failed.length === 0, `${JSON.stringify(failed, null, 2)}\n${said}`);
    assert.ok(
      checks.some(({ status }) => status === "SUCCESS"),
      said,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs Node with a clean environment. @returns what it wrote */
function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  // It fails when a scenario does, of which the report tells more.
  execFile(process.execPath, args, { env, timeout: RUN_MS }, (_error, stdout, stderr) =>
    resolve(`${stdout}${stderr}`),
  );
  return promise;
}
