/**
 * Homes in which Codex has been before, as those of its users are.
 *
 * In an empty home Codex makes five databases and unpacks its skills first, a quarter of what a start with one turn costs. So
 * it does that once in a run of the gate, and the others begin with copies. What our own code makes a home for, and what
 * `CodexConfig` reads, is empty, so both kinds are tried.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Codex } from "../../src/index.ts";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { ScriptedModel } from "../../src/testing/index.ts";

let template: Promise<string | undefined> | undefined;

/** Fills a folder that does not exist yet. Outside of the gate, which names the place of the copies, it does nothing. */
export async function fillHome(home: string): Promise<void> {
  const from = await (template ??= findTemplate());
  if (from === undefined) return;
  // With the rights of the one that is copied.
  mkdirSync(home, { recursive: true, mode: 0o700 });
  cpSync(from, home, { recursive: true });
}

async function findTemplate(): Promise<string | undefined> {
  const cache = process.env["SWITCHYARD_TEST_CACHE"];
  if (cache === undefined) return undefined;
  const codex = createHash("sha256").update(findCodex(undefined, process.env).path).digest("hex");
  const place = join(cache, `home-of-${codex.slice(0, 8)}`);
  if (!existsSync(place)) await makeTemplate(place);
  return place;
}

async function makeTemplate(place: string): Promise<void> {
  const cache = join(place, "..");
  mkdirSync(cache, { recursive: true });
  const root = mkdtempSync(join(cache, "new-"));
  const home = join(root, "home");
  try {
    await using model = await ScriptedModel.start();
    await using codex = new Codex({ baseUrl: model.baseUrl, apiKey: "sk-test", home: { path: home } });
    await codex.startThread({ workingDirectory: root, ephemeral: true }).run("hello");
    await codex.close();
    renameSync(home, place);
  } catch (error) {
    // Another process has made it since.
    if (!existsSync(place)) throw error;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
