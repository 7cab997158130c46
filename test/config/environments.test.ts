/**
 * Codex's environments, read by us and by the real Codex: the same verdict, the same first error, the same ids.
 *
 * Of the written ones a sample; of the random ones a failure prints its seed, and `SWITCHYARD_RUNS=2000` looks longer.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import fc from "fast-check";
import { kindText } from "../../src/cli/mcp/value.ts";
import { ENVIRONMENT, ONLY_WITH_PROGRAM, ONLY_WITH_URL } from "../../src/config/schema/environment-keys.ts";
import {
  type LoadedEnvironments,
  loadEnvironments,
} from "../../src/config/environments/load-environments.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { runs, sample } from "../support/sample.ts";
import { codexEnvironments, type EnvironmentsVerdict } from "./support/codex-environments.ts";
import { DOCUMENTS, UNREACHABLE_URLS, URLS } from "./support/environment-documents.ts";
import { randomEnvironments } from "./support/random-environments.ts";

/** Codex reads the file at its start only, so each document takes one: a twelfth of them at a time. */
const ONE_IN = 12;
const RUNS = runs(12, 200);
/** A Codex at a time for each of two processors. */
const concurrency = 2;

const root = mkdtempSync(join(tmpdir(), "switchyard-environments-"));
after(() => rmSync(root, { recursive: true, force: true }));
let homes = 0;

function load(toml: string | undefined, url?: string): LoadedEnvironments {
  const codexHome = join(root, `${homes++}`);
  mkdirSync(codexHome);
  if (toml !== undefined) writeFileSync(join(codexHome, "environments.toml"), toml);
  return loadEnvironments({
    codexHome,
    switchyardHome: join(root, "none"),
    systemDir: join(root, "none"),
    cwd: codexHome,
    env: url === undefined ? {} : { CODEX_EXEC_SERVER_URL: url },
  });
}

/** Ours, in the shape of the oracle's. */
function verdict(toml: string): EnvironmentsVerdict {
  try {
    const { environments, errors } = load(toml);
    const [first] = errors;
    if (first !== undefined) return { ok: false, message: first.message, path: first.path?.join(".") };
    return { ok: true, ids: usable(environments) };
  } catch (error) {
    if (!(error instanceof ConfigError) || error.problems[0] === undefined) throw error;
    const { message, path } = error.problems[0];
    return { ok: false, message, path: path?.join(".") };
  }
}

function usable(environments: LoadedEnvironments["environments"]): string[] {
  return [...environments.values()].filter(({ status }) => status === "usable").map(({ id }) => id);
}

/** The ids to ask about: those of a document's entries, and those it might be thought to have. */
function askedIds(ours: EnvironmentsVerdict): string[] {
  return [...new Set(["local", ...(ours.ok ? ours.ids : []), "remote", "box"])];
}

async function assertSame(toml: string): Promise<void> {
  const ours = verdict(toml);
  const theirs = await codexEnvironments({ toml, ids: askedIds(ours) });
  if (theirs.ok) return assert.deepEqual(ours, theirs, toml);
  assert.equal(ours.ok, false, `Codex refuses it (${theirs.message}): ${toml}`);
  if (ours.ok) return;
  // Why a URL is not valid is said by a library of Rust, in words that Node does not have.
  const known = theirs.message.replace(/^(invalid exec-server WebSocket URL): .*$/, "$1");
  assert.equal(ours.message, known, toml);
  // Codex gives no path for what is wrong with an entry as a whole.
  if (theirs.path !== undefined) assert.equal(ours.path, theirs.path, toml);
}

suite("environments.toml means to us what it means to Codex (C1, C2, E1)", { concurrency }, () => {
  for (const [name, toml] of sample(Object.entries(DOCUMENTS), ONE_IN)) test(name, () => assertSame(toml));
});

suite("a url of environments.toml is taken as Codex takes it", { concurrency }, () => {
  for (const url of sample(URLS, ONE_IN)) {
    const entry = `[[environments]]\nid = "box"\nurl = ${JSON.stringify(url)}\n`;
    test(JSON.stringify(url.slice(0, 60)), () => assertSame(entry));
    test(`${JSON.stringify(url.slice(0, 60))} with a token`, () =>
      assertSame(`${entry}auth_bearer_token = "t"\n`));
  }
});

suite("a url that Codex loads and can never connect to is refused", { concurrency }, () => {
  for (const url of sample(UNREACHABLE_URLS, ONE_IN)) {
    test(url, async () => {
      const toml = `[[environments]]\nid = "box"\nurl = "${url}"\n`;
      assert.deepEqual(await codexEnvironments({ toml, ids: ["box"] }), { ok: true, ids: ["box"] });
      assert.deepEqual(verdict(toml), {
        ok: false,
        message: `nothing can connect to environment url \`${url}\``,
        path: "environments",
      });
    });
  }
});

suite("CODEX_EXEC_SERVER_URL means to us what it means to Codex", { concurrency }, () => {
  for (const url of ["", " ", "none", " NONE ", "ws://127.0.0.1:1", " ws://127.0.0.1:1 ", "wss://a/b?c"]) {
    test(JSON.stringify(url), async () => {
      const theirs = await codexEnvironments({ url, ids: ["local", "remote"] });
      assert.deepEqual({ ok: true, ids: usable(load(undefined, url).environments) }, theirs);
    });
  }

  test("it is not looked at where there is a file", async () => {
    const asked = { toml: "", url: "ws://127.0.0.1:1", ids: ["local", "remote"] };
    assert.deepEqual(await codexEnvironments(asked), { ok: true, ids: ["local"] });
    assert.deepEqual(usable(load("", asked.url).environments), ["local"]);
  });
});

test("docs/config.md has the keys of an environment, as the loader knows them", () => {
  const rows = ENVIRONMENT.fields.map(({ name, value, about }) => {
    const with_ = ["url", "program"].includes(name)
      ? "–"
      : ONLY_WITH_URL.includes(name)
        ? "url"
        : ONLY_WITH_PROGRAM.includes(name)
          ? "program"
          : "both";
    return `| \`${name}\` | ${kindText(value)} | ${with_} | ${about} |`;
  });
  const document = readFileSync(join(import.meta.dirname, "../../docs/config.md"), "utf8");
  const table = rows.join("\n");
  assert.ok(document.includes(`|---|---|---|---|\n${table}\n\n`), `this table is not in it:\n${table}`);
});

test("a random environments.toml means to us what it means to Codex", { timeout: 170_000 }, async () => {
  await fc.assert(fc.asyncProperty(randomEnvironments(), assertSame), { numRuns: RUNS });
});
