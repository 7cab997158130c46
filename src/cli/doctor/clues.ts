/** What programs write before they end: what it means, and which of their lines say most. */
import { shellWord } from "../../base/shell-word.ts";
import { variable } from "../../servers/resolve.ts";
import { openOf, type Patient, stdioOf, type Verdict } from "./patient.ts";
import type { Program } from "./program.ts";

/** The verdict that the words of a server give, if they give one. */
export function verdictOfWords(patient: Patient): Verdict | undefined {
  for (const { says, verdict } of CLUES) {
    for (const line of patient.stderr) {
      const match = says.exec(line);
      const found = match === null ? undefined : verdict(patient, match);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const SHOWN_MAX = 5;
/** Frames of a stack, and what Node and npm write below what matters. */
const NOISE =
  /^\s*at .*[(:]|^Node\.js v\d|^npm (?:notice|warn)\b|A complete log of this run|^\s*[\^~{}[\]]+\s*$|^\s*(?:code: '|requireStack:)|^npm error(?: \d+)?\s*$/i;
const ERROR = /^\W{0,3}(?:\w*Error\b|fatal\b|panic\b|npm error code)/i;

/** A few lines: from the last one that is an error, or else gives a verdict; without it, the last ones. */
export function tellingLines(stderr: readonly string[]): readonly string[] {
  const lines = stderr.filter((line) => !NOISE.test(line));
  const error = lines.findLastIndex((line) => ERROR.test(line));
  const clue = lines.findLastIndex((line) => CLUES.some(({ says }) => says.test(line)));
  const first = error === -1 ? clue : error;
  const last = Math.max(0, lines.length - SHOWN_MAX);
  const from = first === -1 ? last : Math.min(first, last);
  return lines.slice(from, from + SHOWN_MAX);
}

interface Clue {
  /** Of one line. */
  readonly says: RegExp;
  readonly verdict: (patient: Patient, match: RegExpExecArray) => Verdict | undefined;
}

/** The name of a variable, with a `_`: other words in capitals are too many. */
const NAME = /\b[A-Z][A-Z0-9]*_[A-Z0-9_]{2,60}\b/;

const CLUES: readonly Clue[] = [
  {
    says: /npm (?:error|ERR!) code E404|is not in this registry|No solution found when resolving|was not found in the package registry|pull access denied for|manifest (?:for \S+ )?(?:unknown|not found)/i,
    verdict: ({ program, server, fixes }) => {
      const { spec, at, kind } = program?.runs ?? {};
      const what = kind === "image" ? "image" : "package";
      return {
        code: "package_missing",
        cause: `There is no ${what} ${spec === undefined ? "of that name" : JSON.stringify(spec)}: it is misspelt, or in a registry that needs a login`,
        fix:
          at === undefined
            ? null
            : fixes.edit("set", server, `args.${at}`, kind === "image" ? "IMAGE:TAG" : "PACKAGE@VERSION"),
      };
    },
  },
  {
    says: /npm (?:error|ERR!) (?:code|errno) (?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)|Failed to fetch: `https?:|error sending request for url|Error response from daemon: .*(?:dial tcp|lookup|timeout)/i,
    verdict: ({ program }) => ({
      code: "registry_unreachable",
      cause:
        "The package registry cannot be reached: no network, or a proxy that is not configured. A server that is installed needs none",
      fix: program?.runs === undefined ? "npm ping" : installOf(program),
    }),
  },
  {
    says: /Cannot connect to (?:the Docker daemon|Podman)|Is the docker daemon running|permission denied while trying to connect to the [Dd]ocker/i,
    verdict: ({ program }, [words]) => {
      if (/permission/i.test(words)) {
        const cause = "This account may not use Docker. After this command, log in again";
        return { code: "docker_unusable", cause, fix: 'sudo usermod --append --groups docker "$USER"' };
      }
      const isMac = process.platform === "darwin";
      const docker = isMac ? "open -a Docker" : "sudo systemctl start docker";
      const fix = program?.path?.endsWith("podman") === true ? "podman machine start" : docker;
      return { code: "docker_unusable", cause: "Its containers cannot run: nothing runs them here now", fix };
    },
  },
  {
    says: /Cannot find (?:module|package) '([^']{1,200})'|No module named '?([\w.]{1,200})/,
    verdict: ({ program }, [, ofNode, ofPython]) => {
      const name = ofNode ?? ofPython ?? "";
      const isPackage = /^(?:@[\w.-]+\/)?[\w.-]+$/.test(name);
      const folder = program?.folder ?? ".";
      const install =
        ofPython === undefined
          ? `(cd ${shellWord(folder)} && npm install ${shellWord(name)})`
          : `${shellWord(pythonOf(program))} -m pip install ${shellWord(name)}`;
      return {
        code: "module_missing",
        cause: `It lacks ${JSON.stringify(name)}: what it needs was not installed`,
        fix: isPackage ? install : null,
      };
    },
  },
  {
    says: new RegExp(
      `${NAME.source}.{0,60}\\b(?:not set|unset|required|missing|undefined|must be|not (?:defined|found|provided)|needs? to be)|(?:missing|requires?|required|set|pass|provide|needs?)\\b.{0,60}?${NAME.source}`,
    ),
    verdict: (patient, { input }) => variablesWanted(patient, input),
  },
  {
    says: /EADDRINUSE|address already in use/i,
    verdict: (_patient, { input }) => {
      const port = /:(\d{2,5})\b/.exec(input)?.[1];
      return {
        code: "port_taken",
        cause:
          "Another process has the port that it listens at, perhaps an earlier one of this server; over stdio most servers need none",
        fix: port === undefined ? "switchyard ps" : `lsof -nP -i :${port}`,
      };
    },
  },
  {
    says: /ECONNREFUSED(?: ([\w.:[\]-]+:\d+))?|Connection refused|fetch failed|ENOTFOUND|EAI_AGAIN/,
    verdict: (_patient, [, place]) => {
      const [, host, port] = /^(.*):(\d+)$/.exec(place ?? "") ?? [];
      return {
        code: "service_unreachable",
        cause:
          place === undefined
            ? "It needs something that it cannot reach: a service on another machine, a database, a program it works with"
            : `It needs something that does not run at ${place}, such as a database or a program it works with`,
        fix: host === undefined ? null : `nc -vz ${shellWord(host)} ${port}`,
      };
    },
  },
  {
    says: /^\s*usage:|command[- ]line argument|(?:missing|required|unknown|unrecogni[sz]ed|unexpected|invalid|too few) (?:required |positional )?(?:arguments?|options?|flags?)\b|(?:argument|option|flag)s? .{1,60} (?:is|are) (?:missing|required)/i,
    verdict: ({ server, fixes }) => {
      const args = [...(stdioOf(server)?.args ?? []), "…"];
      return {
        code: "arguments_wrong",
        cause: "It does not start with the arguments that it is given; its words say which it takes",
        fix: fixes.edit("set", server, "args", JSON.stringify(args)),
      };
    },
  },
];

/** The Python that lacks the module. */
function pythonOf(program: Program | undefined): string {
  const path = program?.path ?? "";
  return /\/python[\d.]*$/.test(path) ? path : "python3";
}

function installOf({ runs }: Program): string {
  const name = shellWord(runs?.name ?? "");
  if (runs?.kind === "image") return `docker pull ${shellWord(runs.spec)}`;
  return runs?.kind === "python" ? `uv tool install ${name}` : `npm install --global ${name}`;
}

/** Names that a line is full of while it speaks of something else. */
const NO_VARIABLE = /^(?:ERR|CERT|UNABLE|SELF)_/;

function variablesWanted(patient: Patient, line: string): Verdict | undefined {
  const { server, env, fixes } = patient;
  const transport = stdioOf(server);
  const all = line.match(new RegExp(NAME, "g")) ?? [];
  const named = [...new Set(all)].filter((name) => !NO_VARIABLE.test(name));
  const meant = /\bor\b/i.test(line) ? named.slice(0, 1) : named;
  const wanted = meant.filter((name) => transport?.env?.has(name) !== true);
  if (transport === undefined || wanted.length === 0) return undefined;
  const passed = transport.env_vars.map((each) => (typeof each === "string" ? each : each.name));
  // The command sets lists of strings only.
  const isPlain = transport.env_vars.every((each) => typeof each === "string");
  const kept = wanted.filter((name) => !passed.includes(name));
  const unset = wanted.filter((name) => (variable(env, name) ?? "") === "");
  // It has them all: what it says is of something else.
  if (kept.length + unset.length === 0) return undefined;
  const edits = kept.length === 0 ? [] : [fixes.edit("set", server, ...envVars(patient, kept))];
  const steps = [...edits, ...unset.map((name) => `export ${name}=…`)];
  const byHand = edits.length > 0 && !isPlain ? openOf(patient) : null;
  const fix = byHand ?? (steps.includes(null) ? null : steps.join(" && "));
  const one = wanted.length === 1;
  const needs = `It needs the variable${one ? "" : "s"} ${wanted.join(" and ")}`;
  const cause =
    kept.length === 0
      ? `${needs}, which this shell does not have`
      : `${needs}: servers get only the variables that env_vars names, and a few that all programs need`;
  return { code: "variable_wanted", cause, fix };
}

function envVars({ server }: Patient, added: readonly string[]): [key: string, value: string] {
  return ["env_vars", JSON.stringify([...(stdioOf(server)?.env_vars ?? []), ...added])];
}
