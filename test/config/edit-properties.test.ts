/**
 * Random documents, random edits: what they mean afterwards and which bytes are still there.
 *
 * The model is plain values (support/random-edits.ts); the text is read back by smol-toml, not by our own parser.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import * as tomlPatch from "@decimalturn/toml-patch";
import { parse as smolParse } from "smol-toml";
import { applyEdits } from "../../src/config/edit/apply-edits.ts";
import type { ConfigEdit } from "../../src/config/edit/edits.ts";
import { toNormalForm } from "../../src/config/server/normal-form.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { readMcpServers } from "../../src/config/server/read-servers.ts";
import { nodeAt } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { runs } from "../support/sample.ts";
import { commentLines, keptComments } from "./support/comment-owners.ts";
import {
  type Chance,
  type Piece,
  type RandomDocument,
  randomDocument,
  withChance,
} from "./support/random-documents.ts";
import {
  editPlain,
  namedBy,
  type Plain,
  type PlainTable,
  randomEdit,
  withoutHollow,
} from "./support/random-edits.ts";

const RUNS = runs(250, 4_000);

function meaning(text: string): PlainTable {
  return asMaps(smolParse(text, { integersAsBigInt: true })) as PlainTable;
}

function asMaps(from: unknown): Plain {
  if (from instanceof Date) return `date ${from.toISOString()}`;
  if (Array.isArray(from)) return from.map(asMaps);
  if (typeof from === "object" && from !== null) {
    return new Map(Object.entries(from).map(([key, value]) => [key, asMaps(value)]));
  }
  return from as Plain;
}

/** `undefined` where the edit makes no sense for the text. Any other refusal is a fault. */
function tryEdits(text: string, edits: readonly ConfigEdit[]): string | undefined {
  try {
    return applyEdits({ name: "config.toml", text }, edits);
  } catch (error) {
    if (error instanceof ConfigError && error.code === "invalid_edit") return undefined;
    throw error;
  }
}

function edited(text: string, edits: readonly ConfigEdit[]): string {
  return applyEdits({ name: "config.toml", text }, edits);
}

/** Without blank lines and comments: whose a comment is depends on what stands around it. */
function statementLines(text: string): string {
  return text
    .replaceAll("\r", "")
    .replace(/^[ \t]*(?:#.*)?\n/gm, "")
    .trim();
}

/** What toml-patch makes of the change, read by itself; `undefined` where that is not what was asked for. */
function patched(text: string, wanted: PlainTable): PlainTable | undefined {
  try {
    const theirs = withoutHollow(loose(tomlPatch.parse(tomlPatch.patch(text, asObject(wanted)))));
    return isDeepStrictEqual(theirs, withoutHollow(loose(wanted))) ? theirs : undefined;
  } catch {
    return undefined;
  }
}

function asObject(value: Plain): unknown {
  if (Array.isArray(value)) return value.map(asObject);
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, inner]) => [key, asObject(inner)]));
  return typeof value === "bigint" ? Number(value) : value;
}

/** Tables as maps, and one kind of number: toml-patch has no other. */
function loose(from: unknown): PlainTable {
  const visit = (value: unknown): Plain => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== "object" || value === null)
      return typeof value === "bigint" ? Number(value) : (value as Plain);
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    return new Map(entries.map(([key, inner]) => [String(key), visit(inner)]));
  };
  return visit(from) as PlainTable;
}

/** Fails unless every piece is in the text, whole lines at a time, in this order. */
function assertPieces(text: string, pieces: readonly Piece[]): void {
  const lines = text.replace(/^\ufeff/, "");
  let at = 0;
  for (const { text: piece, inLine } of pieces) {
    const wanted =
      inLine === true ? piece.trim().replace(/^,|,$/g, "").trim() : piece.replace(/(?:\r?\n)+$/, "");
    if (wanted.trim() === "") continue;
    let found = lines.indexOf(wanted, at);
    while (found !== -1 && inLine !== true && !isWholeLines(lines, found, found + wanted.length)) {
      found = lines.indexOf(wanted, found + 1);
    }
    assert.notEqual(found, -1, `lost ${JSON.stringify(wanted)} in\n${text}`);
    at = found + wanted.length;
  }
}

function isWholeLines(text: string, start: number, end: number): boolean {
  return (start === 0 || text[start - 1] === "\n") && (end === text.length || /^\r?\n/.test(text.slice(end)));
}

function check(runs: number, body: (chance: Chance, document: RandomDocument) => void): void {
  withChance(runs, (chance) => {
    body(chance, randomDocument(chance));
  });
}

test("an edit means what it says, and nothing else", () => {
  check(RUNS, (chance, { text, ...document }) => {
    const edit = randomEdit(chance, { text, ...document });
    const wanted = editPlain(meaning(text), edit);
    const result = tryEdits(text, [edit]);
    assert.equal(result === undefined, wanted === undefined, JSON.stringify(edit));
    if (result === undefined || wanted === undefined) return;
    assert.deepEqual(
      withoutHollow(meaning(result)),
      withoutHollow(wanted),
      `${JSON.stringify(edit)}\n${result}`,
    );
  });
});

test("an edit keeps every line of the servers it does not name, their comments and the free ones", () => {
  check(RUNS, (chance, document) => {
    const edit = randomEdit(chance, document);
    const result = tryEdits(document.text, [edit]);
    if (result === undefined) return;
    const named = namedBy(edit, document);
    // With every server named, a comment between two of them is somebody's before the last is edited.
    const isNamed = (piece: Piece): boolean =>
      piece.owner === undefined
        ? edit.kind === "replace_all" && piece.text.includes(" free")
        : named.includes(piece.owner);
    assertPieces(
      result,
      document.pieces.filter(
        (piece) => !isNamed(piece) && !(edit.kind === "trust" && piece.text.includes("projects")),
      ),
    );
    assert.equal(result.startsWith("\ufeff"), document.text.startsWith("\ufeff"));
    const other = { "\n": /\r/, "\r\n": /(?<!\r)\n/, mixed: undefined }[document.newline];
    const isSeen = document.text.includes("\n");
    assert.ok(!isSeen || other?.test(result) !== true, "a line break of the other kind");
  });
});

test("a second edit of the same kind changes nothing", () => {
  check(RUNS, (chance, document) => {
    const edit = randomEdit(chance, document);
    if (["add", "remove", "rename", "unset"].includes(edit.kind)) return;
    const once = tryEdits(document.text, [edit]);
    if (once !== undefined) assert.equal(edited(once, [edit]), once, JSON.stringify(edit));
  });
});

test("an edit keeps every comment that is not of what it takes away, in their order", () => {
  const kept = new Map<string, number>();
  check(RUNS * 2, (chance, document) => {
    const edit = randomEdit(chance, document);
    const result = tryEdits(document.text, [edit]);
    if (result === undefined) return;
    const wanted = keptComments(document.text, edit);
    const lines = commentLines(result);
    let at = 0;
    for (const line of wanted) {
      at = lines.indexOf(line, at) + 1;
      assert.notEqual(at, 0, `${JSON.stringify(edit)} lost ${line} of\n${document.text}\nin\n${result}`);
    }
    kept.set(edit.kind, (kept.get(edit.kind) ?? 0) + wanted.length);
  });
  const kinds = ["add", "replace", "remove", "rename", "enable", "disable", "set", "unset", "approve"];
  for (const kind of [...kinds, "replace_all", "trust"]) {
    assert.ok((kept.get(kind) ?? 0) > RUNS / 40, `${kind}: ${kept.get(kind)} comments compared`);
  }
});

test("removing a server that was just added leaves the text as it was (P2)", () => {
  let compared = 0;
  check(RUNS * 3, (chance, document) => {
    if (!document.text.endsWith("\n")) return;
    const edit = randomEdit(chance, document);
    if (edit.kind !== "add") return;
    const result = tryEdits(document.text, [edit]);
    if (result === undefined) return;
    compared++;
    assert.equal(edited(result, [{ kind: "remove", name: edit.name }]), document.text);
  });
  assert.ok(compared > RUNS / 20, `only ${compared} of ${RUNS * 3} could be compared`);
});

test("unsetting a key that was just set leaves the text as it was", () => {
  let compared = 0;
  check(RUNS * 3, (chance, document) => {
    const edit = randomEdit(chance, document);
    if (edit.kind !== "set" || !document.servers.includes(edit.name) || !document.text.endsWith("\n")) return;
    const key = edit.key.slice(0, 1);
    const servers = meaning(document.text).get("mcp_servers");
    const there = servers instanceof Map ? servers.get(edit.name) : undefined;
    if (!(there instanceof Map) || there.has(key[0] as string)) return;
    // A server that is but sub-tables gets a header for its first key, and keeps it.
    if (!there.has("command")) return;
    const result = edited(document.text, [{ ...edit, key }]);
    compared++;
    assert.equal(edited(result, [{ kind: "unset", name: edit.name, key }]), document.text, result);
  });
  assert.ok(compared > RUNS / 20, `only ${compared} of ${RUNS * 3} could be compared`);
});

test("a batch gives the text that its edits give one after another (P1)", () => {
  check(RUNS, (chance, document) => {
    const edits = Array.from({ length: 2 + chance(4) }, () => randomEdit(chance, document));
    const together = tryEdits(document.text, edits);
    let text: string | undefined = document.text;
    for (const edit of edits) text = text === undefined ? undefined : tryEdits(text, [edit]);
    assert.equal(together && statementLines(together), text && statementLines(text), JSON.stringify(edits));
  });
});

test("toml-patch, where it can make the same change, writes a text that means the same", () => {
  let compared = 0;
  check(RUNS, (chance, { text, ...document }) => {
    const edit = randomEdit(chance, { text, ...document });
    const result = tryEdits(text, [edit]);
    const wanted = editPlain(meaning(text), edit);
    // It has no dates of ours to write, objects put keys like integers first, and it makes all line breaks the same.
    if (document.newline === "mixed") return;
    if (result === undefined || wanted === undefined || /1979|07:32|__proto__/.test(text + edit.kind)) return;
    const theirs = patched(text, wanted);
    if (theirs === undefined) return;
    compared++;
    assert.deepEqual(withoutHollow(loose(tomlPatch.parse(result))), theirs, JSON.stringify(edit));
  });
  assert.ok(compared > RUNS / 10, `only ${compared} of ${RUNS} could be compared`);
});

test("the real Codex reads after an edit what our reader reads, or refuses it with the same words", async () => {
  await using codex = await CodexConfig.start();
  const documents: string[] = [];
  check(Math.ceil(RUNS / 10), (chance, document) => {
    const edits = [randomEdit(chance, document), randomEdit(chance, document)];
    for (const edit of edits) documents.push(tryEdits(document.text, [edit]) ?? document.text);
  });
  for (const text of documents) {
    const theirs = await codex.read(text);
    const result = parseToml({ name: "config.toml", text });
    assert.ok(result.ok, text);
    const ours = readMcpServers(nodeAt(result.document.root, ["mcp_servers"]));
    if (ours.ok) {
      const forms = [...ours.servers].map(([name, config]) => [name, toNormalForm(config)]);
      assert.deepEqual(theirs, { ok: true, servers: Object.fromEntries(forms) }, text);
    } else assert.equal(theirs.ok ? undefined : theirs.message, ours.errors[0].message, text);
  }
});
