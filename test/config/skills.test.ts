/** The skills that we find, beside those that the real Codex finds in the same folders. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { type LoadedSkills, loadConfigLayers, loadSkills, type Skill } from "../../src/config/index.ts";
import { type CodexSkill, type CodexSkills, codexSkills } from "./support/codex-skills.ts";

/** The front matter of a skill in a folder of the same name. `undefined`: the whole file is given. */
const FRONT_MATTERS: Readonly<Record<string, string>> = {
  plain: "name: plain\ndescription: d",
  "no-name": "description: d",
  "null-name": "name: ~\ndescription: d",
  "no-description": "name: x",
  "null-description": "name: x\ndescription: NULL",
  colon: "name: a: b\ndescription: Use this: always",
  brackets: "name: [a\ndescription: {x",
  at: "name: at\ndescription: @here",
  backtick: "name: b\ndescription: `x`",
  "quoted-and-colon": 'name: "q\\"uoted"\ndescription: a: b',
  comment: "name: c # one\ndescription: a: b # two",
  nested: "name: n\ndescription: a: b\nmetadata:\n  short-description: s: t",
  "other-broken": "name: o\nfoo: [\ndescription: fine",
  "folded-beside-broken": "name: f\ndescription: >\n  folded: text\n  more\nfoo: [",
  "open-quote": "name: x\ndescription: 'open\nother: - : [",
  indented: "name: x\n description: bad indent",
  tab: "name: x\n\tdescription: a: b",
  anchor: "name: &a anchored\ndescription: *a",
  "no-anchor": "name: x\ndescription: *nope",
  percent: "name: x\ndescription: %x",
  numbers: "name: 0x10\ndescription: 1.50",
  words: "name: 2020-01-01\ndescription: no",
  blocks: "name: >\n  fol\n  ded\ndescription: |\n  a\n  b\nextra: 1",
  "map-name": "name:\n  nested: 1\ndescription: x",
  "list-description": "name: x\ndescription: [a, b]",
  "number-metadata": "name: x\ndescription: x\nmetadata: 5",
  "null-metadata": "name: x\ndescription: x\nmetadata: ~",
  "list-short-description": "name: x\ndescription: x\nmetadata:\n  short-description: [1]",
  twice: "name: x\nname: y\ndescription: x",
  "other-twice": "name: x\na: 1\na: 2\ndescription: x",
  list: "- a",
  flow: "{name: flow, description: x}",
  merge: "<<: {name: merged}\ndescription: x",
  "two-documents": "name: x\ndescription: x\n...\nmore: 1",
  "white-space": "name: Ünïcode\u00a0x\ndescription: x\u2003y",
  "long-name": `name: ${"n".repeat(65)}\ndescription: x`,
  "longest-name": `name: ${"ä".repeat(64)}\ndescription: x`,
  "long-description": `name: x\ndescription: ${"d".repeat(3000)}`,
};

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  crlf: "---\r\nname: crlf\r\ndescription: a: b\r\n---\r\n",
  "blanks-around-marks": "  ---  \nname: x\ndescription: x\n  --- \n",
  "no-line-break": "---\nname: x\ndescription: x\n---",
  "large-body": `---\nname: large\ndescription: x\n---\n${"ä".repeat(400_000)}`,
  "byte-order-mark": "\ufeff---\nname: x\ndescription: x\n---\n",
  "empty-front-matter": "---\n---\n",
  "no-front-matter": "hello\n",
  "open-front-matter": "---\nname: x\n",
  "no-utf-8": Uint8Array.of(0x2d, 0x2d, 0x2d, 0x0a, 0xff),
  empty: "",
};

const TOOL = "dependencies:\n  tools:\n    - {type: mcp, value: a, url: 'http://x'}\n";

/** The `agents/openai.yaml` of a skill. */
const SIDECARS: Readonly<Record<string, string>> = {
  one: TOOL,
  several:
    'dependencies:\n  tools:\n    - {type: mcp, value: web, description: d, transport: streamable_http, url: "https://a.example/mcp"}\n' +
    "    - {type: MCP, value: two, transport: STDIO, command: two-mcp}\n    - {type: mcp, value: no-url}\n" +
    "    - {type: env_var, value: TOKEN}\n    - {value: no-type}\n    - {type: mcp}\n    - {type: '', value: x}\n" +
    "    - {type: mcp, value: both, command: c, url: 'http://y', transport: ' '}\n",
  unknown:
    "foo: 1\ndependencies:\n  other: 1\n  tools:\n    - {type: mcp, value: ok, url: 'http://x', more: 1}\n",
  json: '{"dependencies":{"tools":[{"type":"mcp","value":"js","url":"http://x"}]}}',
  scalars:
    "dependencies: {tools: [{type: mcp, value: 1.50, url: 0x10}, {type: mcp, value: yes, url: 5, command: null}]}",
  alias: "x: &x\n  - {type: mcp, value: anchored, url: 'http://x'}\ndependencies:\n  tools: *x\n",
  "no-anchor": TOOL.replace("value: a", "value: a, extra: *nope"),
  merge: "x: &x {type: mcp, url: 'http://x'}\ndependencies:\n  tools:\n    - <<: *x\n      value: merged\n",
  tags: "dependencies: !foo\n  tools: !bar\n    - !baz {type: mcp, value: !!str 12, url: 'http://x'}\n",
  "byte-order-mark": `\ufeff${TOOL}`,
  directive: `%YAML 1.1\n---\n${TOOL}`,
  lines:
    "dependencies:\n  tools:\n    - type: mcp\n      value: a-b\n      url: >-\n        http://x\n        y\n",
  "white-space": 'dependencies:\n  tools:\n    - {type: mcp, value: "\u00a0a\u2003b ", url: "http://x"}\n',
  "long-texts":
    `dependencies:\n  tools:\n    - {type: mcp, value: ok, url: 'http://x/${"a".repeat(1024)}'}\n` +
    `    - {type: mcp, value: '${"v".repeat(1025)}'}\n    - {type: ${"t".repeat(65)}, value: v}\n` +
    `    - {type: mcp, value: fine, transport: ${"t".repeat(65)}, url: 'http://y'}\n`,
  "null-parts": `interface: ~\npolicy: ~\n${TOOL}`,
  products: `policy:\n  products: [codex, chatgpt, atlas]\n  allow_implicit_invocation: true\n${TOOL}`,
  "other-product": `policy:\n  products: [nope]\n${TOOL}`,
  "no-product-list": `policy:\n  products: codex\n${TOOL}`,
  "no-boolean": `policy:\n  allow_implicit_invocation: yes\n${TOOL}`,
  "quoted-boolean": `policy:\n  allow_implicit_invocation: 'true'\n${TOOL}`,
  "list-policy": `policy: []\n${TOOL}`,
  "number-icon": `interface:\n  icon_small: 5\n  brand_color: x\n${TOOL}`,
  "list-display-name": `interface:\n  display_name: [1]\n${TOOL}`,
  "list-interface": `interface: []\n${TOOL}`,
  broken: "dependencies: [",
  tab: "dependencies:\n\ttools: []\n",
  "map-tools": "dependencies:\n  tools:\n    a: b\n",
  "null-dependencies": "dependencies:\n",
  "null-tools": "dependencies:\n  tools:\n",
  "list-value": `${TOOL}    - {type: mcp, value: [a]}\n`,
  "null-tool": `${TOOL}    - ~\n`,
  "text-tool": `${TOOL}    - a\n`,
  "list-dependencies": "dependencies: []\n",
  twice: `${TOOL}dependencies: {}\n`,
  "other-twice": `foo: 1\nfoo: 2\n${TOOL}`,
  "key-twice": "dependencies:\n  tools:\n    - {type: mcp, type: b, value: a}\n",
  "two-documents": `${TOOL}---\nfoo: 1\n`,
  empty: "",
  text: "hello",
};

suite("Skills, beside Codex's skills/list", () => {
  let root: string;
  let theirs: CodexSkills;
  let ours: LoadedSkills;

  const write = (path: string, content: string | Uint8Array): void => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  const skill = (folder: string, name: string): void =>
    write(`${folder}/SKILL.md`, `---\nname: ${name}\ndescription: about ${name}\n---\n`);

  before(async () => {
    root = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-skills-")));
    const home = "home/skills";
    for (const [name, text] of Object.entries(FRONT_MATTERS))
      write(`${home}/front/${name}/SKILL.md`, `---\n${text}\n---\nbody\n`);
    for (const [name, text] of Object.entries(FILES)) write(`${home}/file/${name}/SKILL.md`, text);
    for (const [name, text] of Object.entries(SIDECARS)) {
      skill(`${home}/side/${name}`, `side-${name}`);
      write(`${home}/side/${name}/agents/openai.yaml`, text);
    }
    writePlaces();
    const places = {
      cwd: join(root, "project", "below"),
      codexHome: join(root, "home"),
      home: join(root, "user"),
    };
    const { cwd, codexHome } = places;
    const env = { HOME: places.home };
    theirs = await codexSkills(places);
    const layers = loadConfigLayers({ cwd, codexHome, env, switchyardHome: join(root, "none") });
    ours = await loadSkills(layers, { codexHome, env });
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  function writePlaces(): void {
    write("project/.git/HEAD", "");
    for (const [folder, name] of [
      ["project/.agents/skills/r1", "r1"],
      ["project/.codex/skills/r2", "r2"],
      ["project/below/.agents/skills/r3", "r3"],
      ["project/below/.codex/skills/r4", "r4"],
      ["user/.agents/skills/u1", "u1"],
      ["home/skills/deep/2/3/4/5/6", "depth-6"],
      ["home/skills/deep/2/3/4/5/6/7", "depth-7"],
      ["home/skills/.hidden", "hidden"],
      ["elsewhere/linked", "linked"],
      ["elsewhere/file", "linked-file"],
      ["home/skills/plug/skills/in", "in"],
      ["home/skills/plug-claude/skills/in", "in"],
      ["home/skills/plug-root/skills/in", "in-root"],
      ["home/skills/plug-broken/skills/in", "in-broken"],
      ["home/skills/plug-unnamed/skills/in", "in"],
      ["home/plugins/cache/mk/plug/1.0.0/skills/ps", "ps"],
      ["home/skills/off-by-file", "off-by-file"],
      ["home/skills/off-by-folder", "off-by-folder"],
      ["home/skills/off-by-name", "off-by-name"],
      ["home/skills/off-and-on", "off-and-on"],
      ["home/skills/off-by-both", "off-by-both"],
      ["home/skills/off-in-project", "off-in-project"],
    ] as const)
      skill(folder, name);
    for (const each of ["user/.agents", "home", "project/.agents", "project/.codex"])
      skill(`${each}/skills/same`, "same");
    write("home/skills/SKILL.md", "---\nname: at-root\ndescription: x\n---\n");
    write("home/skills/lower-case/skill.md", "---\nname: lower\ndescription: x\n---\n");
    write("home/skills/plug/.codex-plugin/plugin.json", '{"name": "plug"}');
    write("home/skills/plug-claude/.claude-plugin/plugin.json", '{"name": "claude"}');
    write("home/skills/plug-root/plugin.json", '{"name": "root"}');
    write("home/skills/plug-broken/.codex-plugin/plugin.json", "{");
    write("home/skills/plug-unnamed/.codex-plugin/plugin.json", '{"name": " "}');
    write(
      "home/plugins/cache/mk/plug/1.0.0/.codex-plugin/plugin.json",
      '{"name": "plug", "version": "1.0.0", "description": "d", "skills": "./skills/"}',
    );
    const link = (from: string, to: string): void => symlinkSync(join(root, to), join(root, from));
    link("home/skills/link", "elsewhere/linked");
    link("home/skills/loop", "home/skills");
    mkdirSync(join(root, "home/skills/linked-file"));
    link("home/skills/linked-file/SKILL.md", "elsewhere/file/SKILL.md");
    write("elsewhere/openai.yaml", TOOL);
    skill("home/skills/linked-side", "linked-side");
    mkdirSync(join(root, "home/skills/linked-side/agents"));
    link("home/skills/linked-side/agents/openai.yaml", "elsewhere/openai.yaml");
    const off = (where: string): string => `[[skills.config]]\n${where}\nenabled = false\n`;
    const file = (name: string): string => `path = ${JSON.stringify(join(root, "home/skills", name))}`;
    write(
      "home/config.toml",
      `[projects.${JSON.stringify(join(root, "project"))}]\ntrust_level = "trusted"\n` +
        off(file("off-by-file/SKILL.md")) +
        off(file("off-by-folder")) +
        off('name = "off-by-name"') +
        off('name = "off-and-on"') +
        '[[skills.config]]\nname = "off-and-on"\nenabled = true\n' +
        off(`name = "off-by-both"\n${file("off-by-both/SKILL.md")}`) +
        '[plugins."plug@mk"]\nenabled = true\n',
    );
    write("project/.codex/config.toml", off('name = "off-in-project"'));
  }

  const shown = (file: string): string => file.slice(root.length + 1);
  const ofUser = <Each extends { readonly scope: string }>(skills: readonly Each[]): Each[] =>
    skills.filter(({ scope }) => scope !== "system");

  test("are the same, in the same order, with name, description, scope, plugin, and whether they are on", () => {
    const row = (skill: Skill | CodexSkill, file: string): object => ({
      file: shown(file),
      name: skill.name,
      description: skill.description,
      scope: skill.scope,
      enabled: skill.enabled,
      pluginId: skill.pluginId ?? undefined,
    });
    assert.deepEqual(
      ofUser(ours.skills).map((skill) => row(skill, skill.file)),
      ofUser(theirs.skills).map((skill) => row(skill, skill.path)),
    );
    assert.ok(theirs.skills.length > 80);
  });

  test("need the same servers, where Codex could add them", () => {
    const codexs = ({ dependencies }: CodexSkill): object[] =>
      (dependencies?.tools ?? []).flatMap(({ type, value, description, transport, command, url }) => {
        const kind = (transport ?? "streamable_http").toLowerCase();
        const server = kind === "stdio" ? { command } : kind === "streamable_http" ? { url } : {};
        const target = Object.values(server)[0] ?? undefined;
        if (type.toLowerCase() !== "mcp" || target === undefined) return [];
        return [{ name: value, description: description ?? undefined, server }];
      });
    const their = ofUser(theirs.skills).map((skill) => [shown(skill.path), codexs(skill)]);
    const our = ofUser(ours.skills).map(({ file, servers }) => [
      shown(file),
      servers.map(({ name, description, server }) => ({ name, description, server })),
    ]);
    assert.deepEqual(our, their);
  });

  test("are missing for the same files, each a problem with its place (K1)", () => {
    const broken = ours.problems.filter(({ place }) => place?.source.name.endsWith("SKILL.md") === true);
    assert.deepEqual(
      broken.map(({ place }) => shown(place?.source.name ?? "")).sort(),
      theirs.errors.map(({ path }) => shown(path)).sort(),
    );
    const messages = new Map(theirs.errors.map(({ path, message }) => [path, message]));
    // YAML's own errors are the library's; all others are Codex's words.
    for (const { message, place } of broken) {
      const codexs = messages.get(place?.source.name ?? "") ?? "";
      if (!/^invalid YAML: |^failed to read file: /.test(codexs)) assert.equal(message, codexs);
    }
  });
});
