/** Why a program does not start, or ends: by the file that would be started, and by what it wrote. */
import fs from "node:fs";
import { basename, extname, join, relative, resolve } from "node:path";
import { isObject } from "../../base/json.ts";
import { shellWord } from "../../base/shell-word.ts";
import { nearest } from "../../base/suggest.ts";
import { maskArgs } from "../../config/show/mask-text.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import { commandLine } from "../mcp/findings.ts";
import { userHome } from "../output.ts";
import { verdictOfWords } from "./clues.ts";
import { type About, type Finding, finding } from "./finding.ts";
import { openOf, type Patient, stdioOf, type Verdict } from "./patient.ts";
import { elsewhere, find, missingInterpreter, packageAround, type Program, programsIn } from "./program.ts";

export function programMissing({ server, program, fixes }: Patient, what: string, about: About): Finding {
  const command = stdioOf(server)?.command ?? "";
  const found = (cause: string, fix: string | null): Finding =>
    finding("program_missing", what, { ...about, cause, fix });
  const there = program === undefined ? undefined : elsewhere(command, program.folder, userHome());
  if (there !== undefined) {
    const cause = "It is installed in a folder that is not in this PATH";
    return found(cause, fixes.edit("set", server, "command", there));
  }
  const written = asMeant(command, stdioOf(server)?.args ?? [], program);
  if (written !== undefined) return found(written.cause, fixes.editAll("set", server, written.keys));
  const install = INSTALLS[command];
  if (install !== undefined) return found("It is not installed. This installs it", install);
  const page = PAGES[command];
  if (page !== undefined)
    return found(
      `It is not installed: ${page}. Until then, let the server rest`,
      fixes.edit("disable", server),
    );
  // Nearly every program with a short name is near to another.
  const names = command.length < 4 ? Object.keys({ ...INSTALLS, ...PAGES }) : programsIn(program?.searched);
  const near = nearest(command, names);
  return near === undefined
    ? found(
        "It is not installed, or not for this user. Install it; or let the server rest",
        fixes.edit("disable", server),
      )
    : found(
        `It is not installed, or misspelt: there is ${JSON.stringify(near)}`,
        fixes.edit("set", server, "command", near),
      );
}

/** A command that is no program, but shows what was meant. */
function asMeant(
  command: string,
  args: readonly string[],
  program: Program | undefined,
): { readonly cause: string; readonly keys: Readonly<Record<string, string>> } | undefined {
  if (command.startsWith("~/"))
    return {
      cause: "Nothing replaces ~ here, as a shell would",
      keys: { command: join(userHome(), command.slice(2)) },
    };
  if (/^cmd(?:\.exe)?$/i.test(command) && args[0]?.toLowerCase() === "/c" && args[1] !== undefined)
    return {
      cause: "cmd is the shell of Windows, which is not needed here",
      keys: { command: args[1], args: JSON.stringify(args.slice(2)) },
    };
  const [first = "", ...others] = command.trim().split(/\s+/);
  const isLine = others.length > 0 && !/["'\\]/.test(command) && !first.includes("/");
  if (!isLine || (find(first, program?.folder ?? "/", program?.searched) ?? INSTALLS[first]) === undefined)
    return undefined;
  return {
    cause:
      "The whole command line is in command, where only the program belongs; the rest of it belongs in args",
    keys: { command: first, args: JSON.stringify([...others, ...args]) },
  };
}

/** By their makers' documentation. */
const UV = "curl -LsSf https://astral.sh/uv/install.sh | sh";
const INSTALLS: Readonly<Record<string, string>> = {
  uv: UV,
  uvx: UV,
  pipx: "python3 -m pip install --user pipx",
  ...Object.fromEntries(
    ["bun", "deno", "pnpm", "tsx", "yarn"].map((name) => [name, `npm install --global ${name}`]),
  ),
  bunx: "npm install --global bun",
  pnpx: "npm install --global pnpm",
};
const PAGES: Readonly<Record<string, string>> = {
  node: "https://nodejs.org/en/download",
  npm: "https://nodejs.org/en/download",
  npx: "https://nodejs.org/en/download",
  docker: "https://docs.docker.com/get-started/get-docker/",
  podman: "https://podman.io/docs/installation",
};

export function notExecutable({ server, program, fixes }: Patient, what: string, about: About): Finding {
  const command = stdioOf(server)?.command ?? "";
  const file = fileOf(command, program);
  const isOff = file !== undefined && !mayExecute(file);
  if (isOff) {
    const cause = "The file is there, but its permissions do not allow to run it";
    return finding("program_not_executable", what, { ...about, cause, fix: `chmod +x ${shellWord(file)}` });
  }
  if (file === undefined && program !== undefined && isFolder(resolve(program.folder, command))) {
    const fix = fixes.edit("set", server, "command", join(command, "PROGRAM"));
    return finding("program_not_executable", what, {
      ...about,
      cause: "It is a folder, and no program",
      fix,
    });
  }
  const interpreter = INTERPRETER_OF[extname(command)];
  const fix =
    file === undefined || interpreter === undefined
      ? fixes.edit("disable", server)
      : `perl -pi -e 'print "#!/usr/bin/env ${interpreter}\\n" if $. == 1' ${shellWord(file)}`;
  const cause =
    "It is neither a program of this machine nor a script that begins with #! and its interpreter";
  return finding("program_not_executable", what, { ...about, cause, fix });
}

function isFolder(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

const INTERPRETER_OF: Readonly<Record<string, string>> = {
  ".js": "node",
  ".mjs": "node",
  ".cjs": "node",
  ".ts": "node",
  ".py": "python3",
  ".rb": "ruby",
  ".sh": "bash",
};

/** A file of this name, whether or not it can be executed. */
function fileOf(command: string, program: Program | undefined): string | undefined {
  if (program === undefined) return undefined;
  const folders = command.includes("/")
    ? [""]
    : (program.searched ?? "").split(":").map((each) => `${each}/`);
  const files = folders.map((folder) =>
    command.startsWith("/") || folder.startsWith("/")
      ? folder + command
      : `${program.folder}/${folder}${command}`,
  );
  return files.find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

function mayExecute(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Its program did not start, or ended. */
export function ofProgram(patient: Patient, code: "start_failed" | "exited"): Verdict {
  const { program, stderr } = patient;
  if (code === "exited") {
    const closed = withoutInput(patient);
    if (closed !== undefined) return closed;
  }
  if (program !== undefined) {
    const missing = missingInterpreter(program);
    if (missing !== undefined && program.path !== undefined)
      return noInterpreter(program, program.path, missing);
    if (program.script !== undefined && !fs.existsSync(program.script)) {
      return scriptMissing(patient, program, program.script);
    }
  }
  const found = verdictOfWords(patient);
  if (found !== undefined) return found;
  const path = pathMissing(patient);
  if (path !== undefined) return path;
  const fix = byHand(patient);
  const cause =
    code === "start_failed"
      ? "The system does not start this program"
      : stderr.length > 0
        ? "It ends instead of waiting for requests; its last lines may say why"
        : "It ends instead of waiting for requests, and says nothing: is it an MCP server, in its stdio mode?";
  return {
    code,
    cause: fix === null ? cause : `${cause}${cause.endsWith("?") ? "" : "."} This runs it by hand`,
    fix,
  };
}

function scriptMissing(patient: Patient, { folder }: Program, script: string): Verdict {
  const { server, fixes } = patient;
  const build = buildOf(script);
  const cause = `There is no file ${script}`;
  if (build !== undefined)
    return { code: "script_missing", cause: `${cause}: its package has not been built`, fix: build };
  const there = fileBelow(folder, basename(script));
  const at = (stdioOf(server)?.args ?? []).findIndex((word) => resolve(folder, word) === script);
  if (there === undefined || at === -1) return { code: "script_missing", cause, fix: openOf(patient) };
  const meant = fixes.edit("set", server, `args.${at}`, relative(folder, there));
  return { code: "script_missing", cause: `${cause}, but there is ${there}`, fix: meant };
}

/** Folders that are looked into. */
const FOLDERS_MAX = 300;

/** A file of this name, the one with the shortest way to it. */
function fileBelow(folder: string, name: string): string | undefined {
  const folders = [folder];
  for (let looked = 0; looked < Math.min(folders.length, FOLDERS_MAX); looked++) {
    const at = folders[looked] ?? "";
    try {
      for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
        if (entry.name === name && entry.isFile()) return join(at, name);
        const isOpen = entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name);
        if (isOpen) folders.push(join(at, entry.name));
      }
    } catch {
      // It is not for us.
    }
  }
  return undefined;
}

/** The command that makes a file of a package, where the package has one. */
function buildOf(script: string): string | undefined {
  const own = packageAround(script);
  const scripts = own?.json["scripts"];
  return own !== undefined && isObject(scripts) && "build" in scripts
    ? `(cd ${shellWord(own.folder)} && npm install && npm run build)`
    : undefined;
}

function noInterpreter(
  program: Program,
  path: string,
  { name, hasCarriageReturn }: { readonly name: string; readonly hasCarriageReturn: boolean },
): Verdict {
  const file = shellWord(path);
  if (hasCarriageReturn) {
    const cause =
      "Its first line ends as lines do on Windows, so that the system looks for an interpreter of another name";
    return { code: "interpreter_missing", cause, fix: `perl -pi -e 's/\\r$//' ${file}` };
  }
  const cause = `Its first line (#!) names ${name}, which is not there`;
  const bare = basename(name);
  const isInPath = find(bare, program.folder, program.searched) !== undefined;
  const fix = isInPath
    ? `perl -pi -e 's|^#!.*|#!/usr/bin/env ${bare}| if $. == 1' ${file}`
    : openFirstLine(file);
  return { code: "interpreter_missing", cause, fix };
}

function openFirstLine(file: string): string {
  return `"\${EDITOR:-vi}" +1 ${file}`;
}

/** An argument that names a place which is not there, of a program that says no more. */
function pathMissing({ server, program, fixes }: Patient): Verdict | undefined {
  const args = program === undefined ? [] : (stdioOf(server)?.args ?? []);
  // Of two parts at least: others may be a route, or a flag as on Windows.
  const at = args.findIndex((word) => /^(?:\/[\w.@+-]+){2,}\/?$/.test(word) && !fs.existsSync(word));
  const path = args[at];
  if (path === undefined || maskArgs(args)[at] !== path) return undefined;
  return {
    code: "path_missing",
    cause: `There is no ${path}, which is one of its arguments`,
    fix: fixes.edit("set", server, `args.${at}`, "/path/that/exists"),
  };
}

/** A container whose stdin is closed from the start: `docker run` without `-i`. */
export function withoutInput({ program, server, fixes }: Patient): Verdict | undefined {
  const args = stdioOf(server)?.args ?? [];
  const at = args.indexOf("run");
  if (program?.runs?.kind !== "image" || at === -1) return undefined;
  const flags = args.slice(at + 1, program.runs.at);
  // Short ones may stand together, as in -it.
  if (flags.some((word) => /^-[a-z]*i[a-z]*$|^--interactive(?:=true)?$/.test(word))) return undefined;
  const cause = "Without -i, a container gets nothing of what is sent to it";
  const withInput = JSON.stringify([...args.slice(0, at + 1), "-i", ...args.slice(at + 1)]);
  return { code: "container_no_stdin", cause, fix: fixes.edit("set", server, "args", withInput) };
}

/** Fit to be pasted, if nothing of it is secret. */
function byHand({ server: { config }, program }: Patient): string | null {
  if (config?.transport.type !== "stdio" || program === undefined) return null;
  const line = commandLine(config);
  if (line !== commandLine(maskServer(config))) return null;
  return `(cd ${shellWord(program.folder)} && ${line} </dev/null)`;
}
