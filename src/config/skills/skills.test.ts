/** What skills need, its bounds, and what is told about broken files. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, beforeEach, suite, test } from "node:test";
import { type EffectiveMcpServer, effectiveMcpServers } from "../effective/effective.ts";
import { loadConfigLayers } from "../layers/layers.ts";
import { problemToJson } from "../show/show-problem.ts";
import { loadSkills, type LoadedSkills } from "./load-skills.ts";
import { missingSkillDependencies, skillNeeds } from "./needs.ts";

const root = mkdtempSync(join(tmpdir(), "switchyard-skills-"));
after(() => rmSync(root, { recursive: true, force: true }));

let home = "";
let count = 0;
beforeEach(() => {
  home = join(root, String(++count));
  mkdirSync(join(home, "work"), { recursive: true });
});

function write(path: string, text: string): void {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function skill(folder: string, ...tools: readonly string[]): void {
  write(`${folder}/SKILL.md`, `---\nname: ${folder.split("/").at(-1)}\ndescription: d\n---\n`);
  const list = tools.map((tool) => `    - {type: mcp, ${tool}}\n`).join("");
  if (tools.length > 0) write(`${folder}/agents/openai.yaml`, `dependencies:\n  tools:\n${list}`);
}

async function load(
  config = "",
): Promise<LoadedSkills & { readonly servers: readonly EffectiveMcpServer[] }> {
  write("config.toml", config);
  const env = { HOME: join(home, "user") };
  const places = { codexHome: home, env, systemDir: join(home, "etc") };
  const layers = loadConfigLayers({ ...places, cwd: join(home, "work"), switchyardHome: join(home, "own") });
  const loaded = await loadSkills(layers, places);
  return { ...loaded, servers: effectiveMcpServers(layers).servers };
}

const messages = ({ problems }: LoadedSkills): string[] =>
  problems.map((problem) => {
    const { file, line, message, hint } = problemToJson(problem);
    return `${file?.slice(home.length + 1) ?? ""}:${line ?? ""} ${message.replaceAll(home, "~")}. ${hint ?? ""}`;
  });

suite("Skills and their servers", () => {
  test("a server counts as configured by its transport and its URL or command, under any name", async () => {
    skill(
      "skills/a",
      "value: docs, url: 'https://docs.example/mcp '",
      "value: files, transport: stdio, command: files-mcp",
    );
    skill("skills/b", "value: other, url: https://other.example/mcp", "value: url, url: files-mcp");
    const { skills, servers } = await load(
      '[mcp_servers.d]\nurl = "https://docs.example/mcp"\nenabled = false\n' +
        '[mcp_servers.f]\ncommand = "files-mcp"\nargs = ["x"]\n[mcp_servers.other]\nurl = "https://elsewhere.example/mcp"\n',
    );
    assert.deepEqual(
      skillNeeds(skills, servers).map(({ skill: { name }, needs, configured }) => [
        name,
        needs.name,
        configured?.name,
        configured?.status,
      ]),
      [
        ["a", "docs", "d", "disabled"],
        ["a", "files", "f", "enabled"],
        ["b", "other", undefined, undefined],
        ["b", "url", undefined, undefined],
      ],
    );
  });

  test("a server that several skills need is missing once, under its first name", async () => {
    skill(
      "skills/a",
      "value: one, url: https://x.example/mcp, description: 'X  y'",
      "value: tool, transport: STDIO, command: t",
    );
    skill("skills/b", "value: two, url: https://x.example/mcp", "value: three, url: https://x.example/mcp");
    const { skills, servers } = await load();
    assert.deepEqual(
      missingSkillDependencies(skills, servers).map((each) => ({
        ...each,
        skills: each.skills.map(({ name }) => name),
      })),
      [
        { name: "one", server: { url: "https://x.example/mcp" }, description: "X y", skills: ["a", "b"] },
        { name: "tool", server: { command: "t" }, skills: ["a"] },
      ],
    );
  });

  test("a skill that is switched off needs nothing", async () => {
    skill("skills/a", "value: one, url: https://x.example/mcp");
    const { skills, servers } = await load('[[skills.config]]\nname = "a"\nenabled = false\n');
    assert.deepEqual(
      skills.map(({ name, enabled }) => [name, enabled]),
      [["a", false]],
    );
    assert.deepEqual(missingSkillDependencies(skills, servers), []);
  });

  test("what a project asks for that is not trusted is not configured", async () => {
    skill("work/.agents/skills/a", "value: one, url: https://x.example/mcp");
    write("work/.codex/config.toml", '[mcp_servers.x]\nurl = "https://x.example/mcp"\n');
    const { skills, servers } = await load();
    assert.equal(servers[0]?.status, "inactive");
    assert.deepEqual(
      missingSkillDependencies(skills, servers).map(({ name }) => name),
      ["one"],
    );
  });

  test("a dependency that Codex ignores is a problem with its line, and so is a file it ignores (K1)", async () => {
    skill(
      "skills/a",
      "value: one",
      "value: two, transport: sse, url: x",
      "value: a b, url: 'ftp://x'",
      "value: s, transport: stdio",
    );
    skill("skills/b", "value: [x]");
    skill("skills/c", "value: fine, url: https://x.example/mcp");
    write("skills/d/SKILL.md", "---\nname: d\n---\n");
    const loaded = await load();
    const file = "skills/a/agents/openai.yaml";
    assert.deepEqual(messages(loaded), [
      `${file}:3 a dependency on an HTTP server needs url. Codex ignores this dependency`,
      `${file}:4 transport is streamable_http or stdio. Codex ignores this dependency`,
      `${file}:5 invalid server name 'a b' (use letters, numbers, '-', '_', ':', '@', '/', '.'). A server of this name does not start`,
      `${file}:5 url: unsupported URL scheme (use http or https). Such a server does not start`,
      `${file}:6 a dependency on a stdio server needs command. Codex ignores this dependency`,
      "skills/b/agents/openai.yaml:3 text is expected here. Codex ignores the whole file, so the skill needs no server",
      "skills/d/SKILL.md:1 missing field `description`. Codex does not load this skill",
    ]);
    assert.deepEqual(
      loaded.skills.map(({ name, servers }) => [name, servers.map((each) => each.name)]),
      [
        ["a", ["a b"]],
        ["b", []],
        ["c", ["fine"]],
      ],
    );
  });

  test("a problem shows the line without what looks like a secret", async () => {
    const key = `sk-${"a1B2".repeat(12)}`;
    skill("skills/a", `value: one, transport: no, url: "https://x.example/?key=${key}"`);
    const { problems } = await load();
    const excerpt = problems.map((problem) => problemToJson(problem).excerpt).join();
    assert.match(excerpt, /transport: no/);
    assert.ok(!excerpt.includes(key), excerpt);
  });

  test("a file is read as far as the limit, and what does not end within it is a problem (K2)", async () => {
    const long = "x".repeat(70 * 1024);
    skill("skills/side", "value: one, url: https://x.example/mcp");
    write("skills/side/agents/openai.yaml", `# ${long}`);
    write("skills/front/SKILL.md", `---\nname: front\ndescription: ${long}\n---\n`);
    write("skills/body/SKILL.md", `---\nname: body\ndescription: d\n---\n${"ä".repeat(40 * 1024)}`);
    write("skills/deep/SKILL.md", "---\nname: deep\ndescription: d\n---\n");
    write("skills/deep/agents/openai.yaml", "- ".repeat(20_000));
    const loaded = await load();
    assert.deepEqual(
      loaded.skills.map(({ name }) => name),
      ["body", "deep", "side"],
    );
    const problems = messages(loaded);
    assert.equal(problems.length, 3);
    assert.match(problems.join("\n"), /side.*more than 64 KiB/);
    assert.match(problems.join("\n"), /front.*its front matter has more than 64 KiB/);
    assert.match(problems.join("\n"), /deep/);
  });

  test("a skill that several roots lead to is found once, for the first of them (K3)", async () => {
    skill("skills/a");
    mkdirSync(join(home, "work/.agents"), { recursive: true });
    symlinkSync(join(home, "skills"), join(home, "work/.agents/skills"));
    const { skills } = await load();
    assert.deepEqual(
      skills.map(({ name, scope }) => [name, scope]),
      [["a", "user"]],
    );
  });

  test("a root with more folders than Codex reads is a problem (K4)", async () => {
    for (let each = 0; each < 2001; each++)
      mkdirSync(join(home, "skills", String(each)), { recursive: true });
    const [problem = ""] = messages(await load());
    assert.match(problem, /^: ~\/skills has more than 2000 folders/);
  });
});
