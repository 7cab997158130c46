/**
 * Every option that a user of the package can give has a text on hover: what it does, besides its default.
 *
 * Options are the members of the exported types whose names end as `OPTIONS` says, and of what they extend here.
 */
import assert from "node:assert/strict";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseSync } from "oxc-parser";

const root = join(import.meta.dirname, "..", "..");
const OPTIONS = /(?:Options|Params|Input|Rules|Spec|Connection|Environment|WrittenMcpServer)$/;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

/** Names that an entry point exports, and those they are made of. */
function publicNames(): ReadonlySet<string> {
  const folder = join(root, "api");
  const text = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  const exported = text.join("").matchAll(/^export (?:interface|type) (\w+)/gm);
  return new Set(["WrittenMcpServer", ...Array.from(exported, ([, name = ""]) => name)]);
}

/** `file: Type.member` of every option without a text. */
function silentOptions(file: string, names: ReadonlySet<string>): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const { program, comments } = parseSync(file, text, { lang: "ts", sourceType: "module" });
  const silent: string[] = [];
  for (const statement of program.body as unknown as readonly Node[]) {
    const declared = statement["declaration"] as Node | null | undefined;
    const name = (declared?.["id"] as { readonly name?: string } | undefined)?.name ?? "";
    if (declared === null || declared === undefined || !names.has(name) || !OPTIONS.test(name)) continue;
    const body = (declared["body"] ?? declared["typeAnnotation"]) as Node;
    const members = (body["body"] ?? body["members"] ?? []) as readonly Node[];
    for (const member of members) {
      const key = (member["key"] as { readonly name?: string } | undefined)?.name;
      // How a union tells its members apart is no option.
      if (key === undefined || /^(?:type|status)$/.test(key)) continue;
      const comment = comments.findLast(
        ({ end }) => end <= member.start && text.slice(end, member.start).trim() === "",
      );
      const said = comment?.value.startsWith("*") === true ? comment.value.replace(/@\w+[^]*/, "") : "";
      if (!/\w/.test(said)) silent.push(`${file}: ${name}.${key}`);
    }
  }
  return silent;
}

test("every option has a text on hover", () => {
  const names = publicNames();
  const files = globSync("src/**/*.ts", { cwd: root, exclude: ["**/*.test.ts"] }).toSorted();
  assert.ok(names.size > 100);
  assert.deepEqual(
    files.flatMap((file) => silentOptions(file, names)),
    [],
  );
});
