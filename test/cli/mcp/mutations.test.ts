/** However a file with secrets is misspelt, no command shows one of them. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { runCommandLine } from "../../../src/cli/command-line.ts";
import { maskLines } from "../../../src/config/show/mask-source.ts";
import { parseToml } from "../../../src/toml/parse.ts";
import { runs, seed } from "../../support/sample.ts";
import { CODEXS, OURS, TestHome } from "../support/test-home.ts";

const S = "hunter2Zq81REST";
/** One of random letters, and one of words. */
const SECRETS = [S, "correct-horse-battery"] as const;
const SERVERS = `# TOKEN=${S}
model = "gpt-5"

[mcp_servers.box]
command = "docker"
args = ["run", "-e", "T=${S}", "-eFOO=${S}", "--api-key=${S}", "--token", "${S}", "image"]
env = { KEY = "${S}", PASSWORD = '${S}' }
cwd = "/srv"
# PASSWORD = "${S}"
env_vars = ["HOME", "ghp_${S}"]
tool_timeout_sec = 30

[mcp_servers.web]
url = "https://u:${S}@example.com/mcp?key=${S}"
bearer_token_env_var = "sk-live-${S}"
http_headers_helper = "echo ${S}"
env_http_headers = { "X-A" = "Bearer ${S}" }

[mcp_servers.web.http_headers]
Authorization = "Bearer ${S}"

[mcp_servers.web.oauth]
client_id = "id"
client_secret = "${S}"

[mcp_servers.long.env]
KEY = """
${S}
${S}"""
[mcp_servers.long]
command = 'long'
`;
const ENVIRONMENTS = `
[environments.far]
url = "ws://far:7000"
auth_bearer_token = "${S}"

[environments.near]
program = "ssh"
args = ["near", "--token", "${S}"]
env = { KEY = "${S}" }
`;
const LETTERS = "\"'=:#\n[]{},.\\@ -_/axT7";
const COMMANDS: readonly (readonly string[])[] = [
  ["mcp", "check"],
  ["mcp", "check", "--json"],
  ["mcp", "list"],
  ["mcp", "list", "--json"],
  ["mcp", "get", "web"],
  ["mcp", "get", "box"],
  ["mcp", "get", "box", "--json"],
  ["mcp", "set", "box", "enabled", "false", "--dry-run"],
  ["mcp", "remove", "web", "--dry-run", "--json"],
  ["mcp", "remove", "long", "--dry-run"],
  ["environments", "list"],
  ["environments", "list", "--json"],
];

test("of a file with one or two characters wrong, no command shows a piece of a secret", async () => {
  using home = new TestHome();
  const restore = enter(home);
  try {
    const random = randomFrom(seed);
    for (let run = 0; run < runs(100, 4_000); run++) {
      const own = run % 2 === 0;
      const secret = SECRETS[random(SECRETS.length)] ?? S;
      const whole = (own ? SERVERS + ENVIRONMENTS : SERVERS).replaceAll(S, secret);
      const text = mutated(whole, 1 + (run % 3 === 0 ? 1 : 0), random);
      const file = own ? OURS : CODEXS;
      home.write(own ? CODEXS : OURS, "");
      home.write(file, text);
      const checks = [["mcp", "check", `${home.home}/${file}`]];
      // Otherwise it has the values, as documented.
      if (!parseToml({ name: "", text }).ok) checks.push(["mcp", "check", `${home.home}/${file}`, "--json"]);
      for (const argv of [...checks, ...COMMANDS])
        assertNothingShown(argv, await outputOf(argv), text, secret);
    }
  } finally {
    restore();
  }
});

test("of a line with a secret of words, every single slip shows no piece of it", () => {
  const secret = SECRETS[1];
  const lines = [
    `args = ["run", "-e", "T=${secret}"]`,
    `args = ["-eFOO=${secret}"]`,
    `args = ["--env=FOO=${secret}"]`,
    `args = ["--api-key=${secret}"]`,
    `args = ["--github-token=${secret}"]`,
    `args = ["sh", "-c", "exec x --api-key=${secret}"]`,
    `args = ["sh", "-c", "TOKEN=${secret} exec x"]`,
    `command = "docker --token=${secret}"`,
    `env = { KEY = "${secret}" }`,
    `bearer_token_env_var = "Bearer ${secret}"`,
    `# PASSWORD="${secret}"`,
    `# TOKEN=${secret}`,
  ];
  for (const line of lines) {
    const end = line.indexOf(secret);
    for (let at = 0; at <= end; at++) {
      const [before, after] = [line.slice(0, at), line.slice(at)];
      const slips = LETTERS.split("").flatMap((letter) => [
        before + letter + after,
        before + letter + after.slice(1),
      ]);
      // Beyond the sign the secret itself changes.
      for (const slip of at === end ? [] : [...slips, before + after.slice(1)]) {
        const shown = maskLines({ name: "f", text: `[mcp_servers.a]\n${slip}\n` });
        assert.doesNotMatch(shown, /correct|-horse|battery/, slip);
      }
    }
  }
});

test("where a value cannot be trusted to end, only the key before it is shown", async () => {
  using home = new TestHome();
  const restore = enter(home);
  const spellings = [
    `PASSWORD = "hun"${S}"`,
    `PASSWORD: ${S}`,
    `PASSWORD = ${S}`,
    `PASSWORD = "${S}`,
    `PASSWORD = ${S}"`,
    `PASSWORD = '${S}"`,
    `PASSWORD "${S}"`,
    `PASSWORD = "a" "${S}"`,
    `PASSWORD = ["a" '${S}']`,
    `"${S}" PASSWORD`,
    `PASSWORD = """${S}`,
    `PASSWORD = "\\q${S}"`,
    `export PASSWORD=${S}`,
    `PASSWORD = { A = "x" B = ${S} }`,
    `PASSWORD ==${S}`,
    `${S} = `,
  ];
  try {
    for (const line of spellings) {
      const text = `[mcp_servers.a]\ncommand = "x"\n[mcp_servers.a.env]\n${line}\n`;
      home.write(OURS, text);
      for (const argv of COMMANDS) assertNothingShown(argv, await outputOf(argv), text);
      const shown = await outputOf(["mcp", "check"]);
      if (/^PASSWORD *[=:]/.test(line) && !line.includes('"""')) assert.match(shown, /PASSWORD ?[=:]/);
    }
  } finally {
    restore();
  }
});

function assertNothingShown(argv: readonly string[], output: string, text: string, secret = S): void {
  for (let at = 0; at + 7 <= secret.length; at++) {
    const piece = secret.slice(at, at + 7);
    const line = output.split("\n").find((each) => each.includes(piece));
    assert.equal(line, undefined, `${argv.join(" ")} shows ${line} of\n${text}`);
  }
}

function mutated(text: string, times: number, random: (below: number) => number): string {
  let now = text;
  for (let left = times; left > 0; left--) {
    const at = random(now.length);
    const letter = LETTERS[random(LETTERS.length)] ?? "";
    const [before, after] = [now.slice(0, at), now.slice(at)];
    now =
      [before + letter + after, before + after.slice(1), before + letter + after.slice(1)][random(3)] ?? now;
  }
  return now;
}

/** mulberry32. */
function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The command runs in this process: a process for each of thousands would take minutes. */
function enter({ home, project }: TestHome): () => void {
  const [cwd, HOME] = [process.cwd(), process.env["HOME"]];
  process.env["HOME"] = home;
  process.chdir(project);
  return () => {
    process.chdir(cwd);
    process.env["HOME"] = HOME;
  };
}

async function outputOf(argv: readonly string[]): Promise<string> {
  let output = "";
  const { writeSync } = fs;
  const write = process.stderr.write.bind(process.stderr);
  const take = (text: string | Uint8Array): number => {
    output += typeof text === "string" ? text : Buffer.from(text).toString();
    return text.length;
  };
  Object.assign(fs, {
    writeSync: (fd: number, ...rest: [string]) => (fd === 1 ? take(rest[0]) : writeSync(fd, ...rest)),
  });
  process.stderr.write = (text: string | Uint8Array) => take(text) >= 0;
  try {
    await runCommandLine(argv);
    return output;
  } finally {
    Object.assign(fs, { writeSync });
    process.stderr.write = write;
  }
}
