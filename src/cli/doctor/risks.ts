/** What may go wrong later, of servers that work or not. */
import { isAbsolute } from "node:path";
import { maskVariable } from "../../config/show/mask-text.ts";
import { maskProblem } from "../../config/show/mask-problem.ts";
import { lineAndColumn } from "../../toml/node.ts";
import { resolveVariables } from "../../servers/resolve.ts";
import { type About, aboutOf, type Finding, finding } from "./finding.ts";
import { openFile } from "./fixes.ts";
import { pinned, runnerCall } from "./program.ts";
import { type Patient, stdioOf } from "./patient.ts";
import { unfilled } from "./unfilled.ts";

/** Time that clocks may differ before tokens and certificates are in doubt. Many servers tolerate a minute. */
const CLOCK_MS_MAX = 60_000;

/**
 * @param why it does not work, if it does not
 * @param clockAheadMs of the server, if it tells
 */
export function risksOf(
  patient: Patient,
  why: Finding | undefined,
  clockAheadMs: number | undefined,
): Finding[] {
  const { server } = patient;
  const about = aboutOf(server);
  const written = server.warnings.map((problem) => {
    const { place, hint = null } = problem;
    const line = place === undefined ? undefined : lineAndColumn(place).line;
    return finding("config_warning", maskProblem(problem).message, {
      server: server.name,
      cause: hint,
      fix: place === undefined ? null : openFile(place.source.name, line),
      origin: place === undefined ? about.origin : `${place.source.name}:${line}`,
    });
  });
  // Of a server that is off, nothing else matters.
  if (server.status === "disabled" || server.status === "inactive") return [];
  return [
    ...written,
    // What is not there has no version, and no place.
    ...(why?.code === "package_missing" || why?.code === "program_missing"
      ? []
      : [...ofRunner(patient, about), ...ofCommand(patient, about)]),
    ...unfilled(patient, about),
    ...ofVariables(patient, about),
    ...ofNoise(patient, about),
    ...(clockAheadMs === undefined ? [] : ofClock(clockAheadMs, about)),
  ];
}

function ofRunner({ server, fixes }: Patient, about: About): Finding[] {
  const transport = stdioOf(server);
  const runs = transport && runnerCall(transport.command, transport.args);
  if (runs === undefined || runs.version !== undefined) return [];
  const [what, cause] =
    runs.kind === "image"
      ? [
          `it runs whatever version of ${runs.spec} this machine has pulled`,
          "Another machine, or the next pull, may have another version, which may break it or do something else with your data",
        ]
      : [
          `each start runs whatever version of ${runs.spec} is the newest then`,
          "A new version may break the server, or do something else with your data, without a change here; and each start asks the registry",
        ];
  const fix = fixes.editWith("set", server, `args.${runs.at}`, pinned(runs));
  return [finding("package_unpinned", what, { ...about, cause, fix })];
}

function ofCommand({ server, program, fixes }: Patient, about: About): Finding[] {
  const transport = stdioOf(server);
  if (transport === undefined || program === undefined) return [];
  const { command } = transport;
  if (!command.includes("/") || isAbsolute(command)) return [];
  return [
    finding(
      "command_relative",
      `the command ${JSON.stringify(command)} is looked for from the folder the server starts in`,
      {
        ...about,
        cause: `That is ${program.folder} here, and another folder in another project`,
        fix: program.path === undefined ? null : fixes.edit("set", server, "command", program.path),
      },
    ),
  ];
}

function ofVariables({ server, env }: Patient, about: About): Finding[] {
  const transport = stdioOf(server);
  if (transport === undefined) return [];
  return resolveVariables(transport, env).unset.map((name) =>
    finding(
      "variable_missing",
      `it starts without ${maskVariable(name)} of its env_vars, which is not set in this shell`,
      {
        ...about,
        cause: "The server may do without it, or do less",
        fix: maskVariable(name) === name ? `export ${name}=…` : null,
      },
    ),
  );
}

function ofNoise({ stdout, snapshot, server }: Patient, about: About): Finding[] {
  const [first] = stdout;
  // Of one that does not work it is the cause.
  if (first === undefined || snapshot?.status.state !== "ready") return [];
  return [
    finding("stdout_noise", `it writes lines to stdout that are not MCP, such as ${JSON.stringify(first)}`, {
      ...about,
      cause: `They are skipped here; other clients fail. The authors of ${JSON.stringify(server.name)} should write them to stderr`,
    }),
  ];
}

function ofClock(clockAheadMs: number, about: About): Finding[] {
  if (Math.abs(clockAheadMs) <= CLOCK_MS_MAX) return [];
  const seconds = Math.round(Math.abs(clockAheadMs) / 1000);
  const direction = clockAheadMs > 0 ? "ahead of" : "behind";
  return [
    finding("clock_wrong", `the server's clock is ${durationText(seconds)} ${direction} this machine's`, {
      ...about,
      cause:
        "One of them is wrong: tokens then count as expired, or as not valid yet. If it is this machine's",
      fix: process.platform === "darwin" ? "sudo sntp -sS time.apple.com" : "sudo timedatectl set-ntp true",
    }),
  ];
}

function durationText(seconds: number): string {
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** Servers that are one and the same, but for their names. */
export function sameServers(patients: readonly Patient[]): Finding[] {
  const meant = patients.filter(({ server: { status } }) => status === "enabled");
  const groups = Map.groupBy(meant, ({ server, env }) => {
    const { config } = server;
    if (config === undefined) return server.name;
    const { transport, environment_id } = config;
    const what =
      transport.type === "stdio"
        ? [
            transport.command,
            transport.args,
            transport.cwd ?? "",
            [...resolveVariables(transport, env).variables],
          ]
        : [
            transport.url,
            [...(transport.http_headers ?? [])],
            [...(transport.env_http_headers ?? [])],
            transport.bearer_token_env_var ?? "",
          ];
    return JSON.stringify([environment_id, transport.type, what]);
  });
  return [...groups.values()].flatMap(([first, ...others]) =>
    others.map(({ server, fixes }) => {
      const what = server.config?.transport.type === "stdio" ? "the same process" : "the same url";
      return finding("same_server", `${JSON.stringify(first?.server.name)} is ${what}, with another name`, {
        ...aboutOf(server),
        cause: "Each runs for itself, and a model is offered every tool twice",
        fix: fixes.edit("disable", server),
      });
    }),
  );
}
