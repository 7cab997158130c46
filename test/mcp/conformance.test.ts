/**
 * The client scenarios of the official conformance suite, with our manager as the client: those that a revision of the
 * specification requires, and those that the suite reports besides. From here, and through an executor.
 *
 *   test ── starts ──> the suite, with its server ── starts ──> a relay ── URL ──> the client, in the test's process
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { startServer } from "../executor/support/subjects.ts";
import { NODE_VARIABLES } from "../support/command.ts";
import { sample } from "../support/sample.ts";
import { type Given, playClient } from "./support/conformance-client.ts";

const conformance = join(import.meta.dirname, "../../node_modules/@modelcontextprotocol/conformance");
const relay = join(import.meta.dirname, "support/conformance-relay.mjs");
const REVISIONS = ["2025-11-25", "2026-07-28"] as const;
/** Of one scenario, in milliseconds. The client ends earlier by itself. */
const TIMEOUT_MS = 60_000;
const RUN_MS = 40_000;

/**
 * Extensions of the specification, which the suite runs and does not score. A person's login is none of them, and the reference
 * client of the suite has the last three neither. Every other scenario runs, also one that a later version brings.
 */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "auth/client-credentials-basic":
    "a login without a person: a host gives its token as a header, or through `credentials`",
  "auth/client-credentials-jwt": "as client-credentials-basic",
  "auth/enterprise-managed-authorization": "as client-credentials-basic; Codex's ema_auth is withheld",
  "auth/wif-jwt-bearer": "as client-credentials-basic",
  "auth/dpop": "tokens that are bound to a key; Codex has none",
  "auth/dpop-nonce": "as dpop",
};

interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
}

suite("conformance of the client", () => {
  test("every scenario that is left out is one of the official suite", () => {
    const all = new Set(REVISIONS.flatMap(scenariosOf));
    assert.deepEqual(
      Object.keys(LEFT_OUT).filter((name) => !all.has(name)),
      [],
    );
  });

  for (const [index, revision] of REVISIONS.entries()) {
    const scenarios = scenariosOf(revision).filter((name) => !Object.hasOwn(LEFT_OUT, name));
    const [logins, plain] = partition(scenarios, (name) => name.startsWith("auth/"));

    test(`revision ${revision} has scenarios with and without a login`, () =>
      assert.ok(plain.length > 4 && logins.length > 10));

    for (const scenario of [...sample(plain, 2, index), ...sample(logins, 6, index * 3)])
      test(`${revision}: ${scenario}`, { timeout: TIMEOUT_MS }, () => assertPasses(scenario, revision));

    for (const scenario of sample(plain, 4)) {
      test(`${revision}: ${scenario}, through an executor`, { timeout: TIMEOUT_MS }, async () => {
        await using executor = await startServer();
        await assertPasses(scenario, revision, executor.url);
      });
    }
  }
});

function partition<T>(all: readonly T[], belongs: (one: T) => boolean): readonly [T[], T[]] {
  return [all.filter(belongs), all.filter((one) => !belongs(one))];
}

/** What a client has to pass, and what is reported besides. */
function scenariosOf(revision: string): readonly string[] {
  const text = readFileSync(join(conformance, "requirements", `${revision}.yaml`), "utf8");
  const [, required = ""] = /^client:\n((?: +- \S+\n)+)/m.exec(text) ?? [];
  const reported = text.matchAll(/- scenario: (\S+)\n +leg: client\n/g);
  return [...required.matchAll(/- (\S+)/g), ...reported].map(([, name = ""]) => name);
}

async function assertPasses(scenario: string, revision: string, executor?: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-conformance-"));
  const said: unknown[] = [];
  const played: Promise<void>[] = [];
  const play = async (given: Promise<string>): Promise<void> =>
    playClient(JSON.parse(await given) as Given, executor, (...words) => said.push(...words));
  const relays = createServer({ allowHalfOpen: true }, (socket) => {
    // The relay ends when the client has, however that ended; and the suite may kill it before.
    socket.on("error", () => {});
    const ended = play(text(socket)).finally(() => socket.end());
    ended.catch(() => {});
    played.push(ended);
  }).listen(0, "127.0.0.1");
  try {
    await once(relays, "listening");
    const { port } = relays.address() as AddressInfo;
    const which = ["--scenario", scenario, "--spec-version", revision];
    const command = ["--command", `"${process.execPath}" "${relay}" ${port}`, "-o", folder];
    said.push(await run([join(conformance, "dist/index.js"), "client", ...which, ...command]));
    assert.equal(played.length, 1, `clients\n${said.join("\n")}`);
    await Promise.all(played);
    const [report = ""] = globSync("**/checks.json", { cwd: folder });
    const checks = JSON.parse(readFileSync(join(folder, report), "utf8")) as readonly Check[];
    const failed = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
    assert.ok(failed.length === 0, `${JSON.stringify(failed, null, 2)}\n${said.join("\n")}`);
    assert.ok(
      checks.some(({ status }) => status === "SUCCESS"),
      said.join("\n"),
    );
  } finally {
    relays.close();
    rmSync(folder, { recursive: true });
  }
}

/** Runs Node with a clean environment. @returns what it wrote */
function run(args: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  // It fails when a scenario does, of which the report tells more.
  execFile(process.execPath, args, { env: NODE_VARIABLES, timeout: RUN_MS }, (_error, stdout, stderr) =>
    resolve(`${stdout}${stderr}`),
  );
  return promise;
}
