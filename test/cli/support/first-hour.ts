/** docs/first-hour.md, played: its files are written and its commands run, in their order. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgsStringToArgv } from "string-argv";
import { callTool, say, ScriptedModel } from "../../../src/testing/index.ts";
import { MAIN, NODE_VARIABLES } from "../../support/command.ts";

const LIBRARY = new URL("../../../src/index.ts", import.meta.url).href;
const PROVIDER = "https://example.openai.azure.com/openai/v1";

/** A server in a few lines, so that it needs no package. */
const CLOCK = `import { createInterface } from "node:readline";
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  const result = {
    initialize: { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "clock", version: "1" } },
    "tools/list": { tools: [{ name: "now", inputSchema: { type: "object" } }] },
    "tools/call": { content: [{ type: "text", text: "12:00 " + process.argv.at(-1) }] },
  }[method];
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, ...(result ? { result } : { error: { code: -32601, message: "no" } }) }));
}
`;

export interface Step {
  readonly command: string;
  readonly shown: string;
  readonly printed: string;
}

/** A file with its name, or a transcript. */
const FENCES = /(?:`([^`\n]+)`:\n\n)?```(\w+)\n([^]*?)```/g;

export async function playDocument(document: string): Promise<Step[]> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-first-hour-")));
  const folder = join(home, "agent");
  mkdirSync(join(folder, "tools"), { recursive: true });
  writeFileSync(join(folder, "tools", "clock.mjs"), CLOCK);
  await using model = await ScriptedModel.start({
    script: ({ prompt, step, outputs }) => {
      if (!prompt.includes("time")) return say(`You said: ${prompt}`);
      if (step === 0) return callTool({ server: "clock", tool: "now" });
      const heard = outputs.at(-1)?.text.split("\n").at(-1) ?? "";
      return say(heard.startsWith("unsupported") ? "I have no clock." : `It is ${heard}.`);
    },
  });
  const variables: Record<string, string> = { ...NODE_VARIABLES, HOME: home };
  const steps: Step[] = [];
  try {
    for (const [, file, language = "", content = ""] of document.matchAll(FENCES)) {
      if (file !== undefined) {
        const path = join(file.startsWith("~/") ? home : folder, file.replace("~/", ""));
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(
          path,
          content.replace(PROVIDER, model.baseUrl).replace('"mcp-switchyard"', `"${LIBRARY}"`),
        );
      } else if (language === "text") {
        for (const step of content.split(/^\$ /m).slice(1)) {
          const [command = "", ...lines] = step.trimEnd().split("\n");
          const printed = await run(command, folder, variables);
          if (printed === undefined) continue;
          steps.push({
            command,
            shown: everywhereTheSame(lines.join("\n"), home),
            printed: everywhereTheSame(printed, home),
          });
        }
      }
    }
    return steps;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Without what differs from one machine and one time to the next. */
function everywhereTheSame(text: string, home: string): string {
  return text
    .trimEnd()
    .replaceAll(home, "/home/me")
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "0198…")
    .replaceAll(/\b\d+(?:\.\d+)? m?s\b/g, "a while");
}

/** Whether the document shows what was printed; a line `…` stands for any lines. */
export function isShown({ shown, printed }: Step): boolean {
  const lines = shown
    .split("\n")
    .map((line) => (line === "…" ? "(?:.*\\n)*?" : `${line.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\n`));
  return new RegExp(`^${lines.join("")}$`).test(`${printed}\n`);
}

/** What it prints, or `undefined` for a command that is not run: it would need the network. */
async function run(command: string, cwd: string, env: Record<string, string>): Promise<string | undefined> {
  const [program = "", ...args] = parseArgsStringToArgv(command);
  if (program === "export") {
    const [name = "", value = ""] = (args[0] ?? "").split("=");
    env[name] = value;
  }
  if (program !== "node" && program !== "switchyard") return undefined;
  const words = program === "node" ? args : [MAIN, ...args];
  // As in a terminal: both in one.
  const child = spawn("sh", ["-c", 'exec "$0" "$@" 2>&1', process.execPath, ...words], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return await text(child.stdout);
}

export const DOCUMENT: string = readFileSync(new URL("../../../docs/first-hour.md", import.meta.url), "utf8");
