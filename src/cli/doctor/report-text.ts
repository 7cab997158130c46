/** The report for people: first what is wrong and how to mend it, then what is well, in short. */
import { count, printable, shortPath, shortPaths, userHome } from "../output.ts";
import { shownName } from "../mcp/findings.ts";
import { padText } from "../text-width.ts";
import type { Finding } from "./finding.ts";
import type { Report } from "./report.ts";
import type { ServerView } from "./server-view.ts";

/**
 * @param named whether the user asks for one server: then what is around it does not matter
 * @param width of the terminal; without it nothing is cut
 */
export async function reportText(report: Report, named: boolean, width: number | undefined): Promise<string> {
  const { findings, servers } = report;
  const found = findings
    .filter(({ severity }) => severity !== "note")
    .map((found) => findingText(found, servers));
  const notes = findings.filter(({ severity }) => severity === "note").map(noteText);
  const ready = servers.filter(({ state }) => state === "ready");
  const parts = [
    headline(report),
    ...found,
    ...(ready.length === 0 ? [] : [`${readyText(ready)}\n${await serversTable(ready, width)}`]),
    ...(notes.length === 0 ? [] : [notes.join("\n")]),
    ...(named ? [] : [wellText(report)]),
  ];
  return parts.join("\n\n");
}

function headline({ errors, warnings, servers, findings }: Report): string {
  const meant = servers.filter(({ state }) => state !== "disabled" && state !== "inactive");
  const works = meant.filter(({ state }) => state === "ready").length;
  const ofServers =
    meant.length === 0
      ? servers.length === 0 &&
        findings.some(({ code }) => code === "config_unreadable" || code === "home_unusable")
        ? "no server can be looked at"
        : servers.length === 0
          ? "there are no MCP servers yet (switchyard mcp add --help)"
          : "no server is enabled"
      : `${works} of ${count(meant.length, "enabled server")} ${works === 1 || meant.length === 1 ? "works" : "work"}`;
  if (errors + warnings === 0) return `All is well: ${ofServers}`;
  const what = [
    ...(errors > 0 ? [count(errors, "error")] : []),
    ...(warnings > 0 ? [count(warnings, "warning")] : []),
  ];
  return `${what.join(", ")}: ${ofServers}`;
}

function findingText(found: Finding, servers: readonly ServerView[]): string {
  const { severity, server, problem, cause, fix, origin, stderr } = found;
  // A sentence of the connection names its server.
  const isNamed = server === null || problem.startsWith(`MCP server ${JSON.stringify(server)} `);
  const about = isNamed ? "" : `${shownName(server)}: `;
  // The problem has the last words.
  const isSaid = stderr.every((line) => problem.includes(line));
  const rows: readonly (readonly [what: string, text: string | null])[] = [
    ["where", origin],
    ["program", severity === "error" ? programText(servers.find(({ name }) => name === server)) : null],
    ["stderr", isSaid ? null : stderr.join(`\n${" ".repeat(10)}`)],
    ["cause", cause],
  ];
  const lines = rows.flatMap(([what, text]) => (text === null ? [] : [rowText(what, text)]));
  const said = shortPaths(
    [`${severity}: ${about}${problem.replaceAll("\n", "\n    ")}`, ...lines].join("\n"),
  );
  return fix === null ? said : `${said}\n${rowText("fix", pasteable(fix))}`;
}

/** What was started, where that is not plain from the configuration. */
function programText(server: ServerView | undefined): string | null {
  const { program, where, state } = server ?? {};
  if (
    program === null ||
    program === undefined ||
    state !== "failed" ||
    where?.startsWith(program.path) === true
  )
    return null;
  return program.package === null
    ? program.path
    : `${program.path} (${program.package} ${program.version ?? ""})`;
}

function rowText(what: string, text: string): string {
  return `  ${padText(what, 7)} ${text}`;
}

/** With `~` for the home only where a shell replaces it: at the start of a word, in no quotes. */
function pasteable(fix: string): string {
  const home = userHome();
  return fix.replaceAll(/'[^']*'|"[^"]*"|(?<=^|[\s(])\/[^\s'"]+/g, (part) =>
    part.startsWith(`${home}/`) ? `~${part.slice(home.length)}` : part,
  );
}

function readyText(servers: readonly ServerView[]): string {
  if (servers.length === 1) return "The server that works:";
  const sum = (of: (server: ServerView) => number | null): number =>
    servers.reduce((total, server) => total + (of(server) ?? 0), 0);
  const total = `${count(
    sum(({ tools }) => tools),
    "tool",
  )}, ${count(
    sum(({ tokens }) => tokens),
    "token",
  )} in each request`;
  return `Servers that work (${total}):`;
}

function noteText({ server, problem, fix }: Finding): string {
  return `note: ${server === null ? "" : `${shownName(server)}: `}${problem}${fix === null ? "" : ` (${fix})`}`;
}

const HEADER = [
  "Name",
  "Program",
  "Version",
  "Environment",
  "Era",
  "Auth",
  "Start",
  "Initialize",
  "List",
  "Tools",
  "Tokens",
];

async function serversTable(servers: readonly ServerView[], width: number | undefined): Promise<string> {
  const { table } = await import("../table.ts");
  const rows = servers.map((server) => rowOf(server).map((cell) => printable(shortPaths(cell))));
  const usual = new Map([
    [3, "local"],
    [5, "-"],
  ]);
  return table(HEADER, rows, { width, shrink: [1, 0], usual });
}

const AUTH: Readonly<Record<string, string>> = { unsupported: "-", unknown: "-", o_auth: "OAuth" };

function rowOf(server: ServerView): string[] {
  const { name, program, where, server_info: info, took_ms: took } = server;
  const seconds = (ms: number | undefined): string =>
    ms === undefined ? "-" : `${(ms / 1000).toFixed(2)} s`;
  return [
    shownName(name),
    program?.path ?? where ?? "-",
    program?.version ?? info?.version ?? "-",
    server.environment_id ?? "-",
    server.era ?? "-",
    AUTH[server.auth_status] ?? server.auth_status.replaceAll("_", " "),
    seconds(took?.start),
    seconds(took?.initialize),
    seconds(took?.list),
    String(server.tools ?? "-"),
    server.tokens === null ? "-" : `${server.tokens}`,
  ];
}

/** Everything else that was looked at, a line each. */
function wellText({ servers, codex, logins, homes, locks, left_behind: left }: Report): string {
  const off = servers
    .filter(({ state }) => state === "disabled" || state === "inactive")
    .map(({ name }) => shownName(name));
  const there = homes.filter(({ exists }) => exists).map(({ path }) => shortPath(path));
  const rows: readonly (readonly [what: string, text: string | undefined])[] = [
    ["off", off.length === 0 ? undefined : off.join(", ")],
    [
      "codex",
      codex.version === null
        ? undefined
        : `${codex.version}, ${shortPaths(codex.path ?? "")} (from ${codex.source})${codex.held ? "" : ", not tested"}`,
    ],
    ["logins", loginsText(logins)],
    ["homes", there.length === 0 ? "none yet" : there.join(", ")],
    ["locks", locks.length === 0 ? "none" : count(locks.length, "lock")],
    ["left", left.processes + left.files === 0 ? "nothing was left behind by hosts that died" : undefined],
  ];
  const lines = rows.flatMap(([what, text]) => (text === undefined ? [] : [`  ${padText(what, 7)} ${text}`]));
  return `Looked at:\n${lines.join("\n")}`;
}

function loginsText({ codex, openai_api_key: hasKey, mcp }: Report["logins"]): string {
  const what = [
    ...(codex ? ["Codex"] : []),
    ...(hasKey ? ["OPENAI_API_KEY"] : []),
    ...mcp.map((name) => `MCP server ${shownName(name)}`),
  ];
  return what.length === 0 ? "none" : what.join(", ");
}
