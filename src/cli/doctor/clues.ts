/** What programs write before they end: what it means, and which of their lines say most. */
import fs from "node:fs";
import { join } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { variable } from "../../servers/resolve.ts";
import { openOf, type Patient, stdioOf, type Verdict } from "./patient.ts";
import { packageAround, pinned, type Program } from "./program.ts";

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
  /^\s*at .*[(:]|^Node\.js v\d|^npm (?:notice|warn)\b|A complete log of this run|^\s*[\^~{}[\]]+\s*$|^\s*(?:code: '|errno: -|syscall: '|hostname: '|path: '|requireStack:)|^\s*throw .*;$|^node:internal\/|^npm error(?: \d+)?\s*$/i;
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
    says: /npm (?:error|ERR!) code ETARGET|there is no version of \S/i,
    verdict: ({ program, server, fixes }) => {
      const { runs } = program ?? {};
      if (runs === undefined) return undefined;
      return {
        code: "package_missing",
        cause: `${runs.name} has no version ${runs.version ?? JSON.stringify(runs.spec)}. This takes its newest`,
        fix: fixes.editWith("set", server, `args.${runs.at}`, pinned(runs)),
      };
    },
  },
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
    verdict: (patient) =>
      withoutProxy(patient) ?? {
        code: "registry_unreachable",
        cause:
          "The package registry cannot be reached: no network, or a proxy that is not configured. A server that is installed needs none",
        fix: patient.program?.runs === undefined ? "npm ping" : installOf(patient.program),
      },
  },
  {
    says: /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERTIFICATE_VERIFY_FAILED|(?:self[- ]signed|unable to (?:get|verify)) .{0,20}certificate/i,
    verdict: ({ server, program, fixes }) => {
      const isPython = program?.runs?.kind === "python" || /python/.test(program?.path ?? "");
      const name = isPython ? "SSL_CERT_FILE" : "NODE_EXTRA_CA_CERTS";
      return {
        code: "tls_untrusted",
        cause:
          "What it connects to has a certificate of an authority that it does not know, such as a company's own; servers do not get this variable from the shell",
        fix: fixes.edit("set", server, `env.${name}`, "/path/to/ca.pem"),
      };
    },
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
      const install =
        ofPython === undefined
          ? installOfModule(program, name)
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
    verdict: (patient, [, place]) => {
      const proxy = place === undefined ? withoutProxy(patient) : undefined;
      if (proxy !== undefined) return proxy;
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
    says: /\bENOSPC\b|No space left on device/i,
    verdict: () => ({ code: "disk_full", cause: "A disk is full. This shows which", fix: "df -h" }),
  },
  {
    says: /\b(?:EACCES|EPERM)\b|\bPermission denied\b|root-owned files/i,
    verdict: ({ stderr }, { input }) => {
      if (stderr.some((line) => /root-owned files|\.npm\/_cacache/.test(line)))
        return {
          code: "not_permitted",
          cause: "Files in npm's cache are another account's, left by an npm that ran with sudo",
          fix: 'sudo chown -R "$(id -u):$(id -g)" ~/.npm',
        };
      const path = /['"](\/[^'"]{1,300})['"]/.exec(input)?.[1];
      return {
        code: "not_permitted",
        cause: "It does something that this account may not do, such as writing to a folder of another one",
        fix: path === undefined ? null : `ls -ld ${shellWord(path)}`,
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

/** In its package, where it is run from one that nobody has installed; else where it starts. */
function installOfModule(program: Program | undefined, name: string): string {
  const own = packageAround(program?.script);
  const isSource = own !== undefined && !own.folder.includes("/node_modules/");
  if (isSource && !fs.existsSync(join(own.folder, "node_modules")))
    return `(cd ${shellWord(own.folder)} && npm install)`;
  const folder = isSource ? own.folder : (program?.folder ?? ".");
  return `(cd ${shellWord(folder)} && npm install ${shellWord(name)})`;
}

const PROXIES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/** A shell that needs a proxy hands it on to no server: servers get only what env_vars names. */
function withoutProxy({ server, env, fixes }: Patient): Verdict | undefined {
  const transport = stdioOf(server);
  const passed = transport?.env_vars.map((each) => (typeof each === "string" ? each : each.name)) ?? [];
  const isGiven = (name: string): boolean => passed.includes(name) || transport?.env?.has(name) === true;
  const set = PROXIES.filter((name) => (variable(env, name) ?? "") !== "");
  if (transport === undefined || set.length === 0 || set.some(isGiven)) return undefined;
  const names = (variable(env, "NO_PROXY") ?? "") === "" ? set : [...set, "NO_PROXY"];
  return {
    code: "proxy_missing",
    cause: `This shell has a proxy (${set.join(", ")}), and the server does not get it: servers get only the variables that env_vars names, and a few that all programs need`,
    fix: fixes.edit("set", server, "env_vars", JSON.stringify([...transport.env_vars, ...names])),
  };
}

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
