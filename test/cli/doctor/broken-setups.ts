/** A folder of broken setups: a server each, what is wrong with it, and the command that mends it. */
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { FindingCode } from "../../../src/cli/doctor/finding.ts";
import { RawPeer } from "../../../src/testing/http-server/raw-peer.ts";
import { ScriptedHttpServer } from "../../mcp/support/scripted-http.ts";
import { OURS, SECRET, type TestHome } from "../support/test-home.ts";

export const TLS: string = join(import.meta.dirname, "..", "..", "fixtures", "tls");

/** A server in the language of the smallest process; `TOOLS` is its list. */
export const SMALL: string = `while read -r line; do
  id=\${line##*\\"id\\":}; id=\${id%%[,\\}]*}
  case $line in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"small","version":"1.2"}}}' ;;
    *'"tools/list"'*) [ -z "$MUTE" ] && echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":['$TOOLS']}}' ;;
    *'"id":'*) echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"Method not found"}}' ;;
  esac
done
`;

/** A secret that a server writes, and no configuration has. */
export const OF_THE_SERVER = "sk-1234567890abcdefghij";

export interface Setup {
  /** The name of its server. */
  readonly name: string;
  /** Its table, without the header. */
  readonly config: string;
  /** What is found; nothing for one that works. */
  readonly codes: readonly FindingCode[];
  readonly fix?: RegExp | null;
  readonly cause?: RegExp;
  readonly stderr?: RegExp;
}

function small(more = "", tools = ""): string {
  const env = tools === "" ? "" : `env = { TOOLS = '''${tools}''' }\n`;
  return `command = "sh"\nargs = ["small.sh"]\ncwd = "/HOME/bin"\n${env}${more}`;
}

function script(text: string, more: readonly string[] = []): string {
  return `command = "sh"\nargs = ${JSON.stringify(["-c", text, ...more])}\n`;
}

const ANY_OF = `{"name":"pick","inputSchema":{"type":"object","anyOf":[{"required":["a"]}]}}`;
const DASHED = `{"name":"get-it","inputSchema":{"type":"object"}}`;
const SHORT = "startup_timeout_sec = 2\n";

/** Those that need nothing but files. Two of them work only if both are started at the same time (D1). */
const LOCAL: readonly Setup[] = [
  { name: "good", config: small(), codes: [] },
  { name: "packaged", config: 'command = "/HOME/bin/node_modules/small/cli.sh"\n', codes: [] },
  {
    name: "missing",
    config: 'command = "no-such-program-here"\n',
    codes: ["program_missing"],
    fix: /^switchyard mcp disable missing$/,
  },
  {
    name: "misspelt",
    config: 'command = "bassh"\n',
    codes: ["program_missing"],
    cause: /there is "bash"/,
    fix: /^switchyard mcp set misspelt command bash$/,
  },
  {
    name: "elsewhere",
    config: 'command = "local-mcp"\n',
    codes: ["program_missing"],
    fix: /set elsewhere command \/\S+\/\.local\/bin\/local-mcp$/,
  },
  {
    name: "whole_line",
    config: 'command = "sh small.sh --all"\ncwd = "/HOME/bin"\nargs = ["more"]\n',
    codes: ["program_missing"],
    fix: /set whole_line command sh && switchyard mcp set whole_line args '\["small.sh","--all","more"\]'$/,
  },
  {
    name: "of_windows",
    config: 'command = "cmd"\nargs = ["/c", "npx", "-y", "some-mcp"]\n',
    codes: ["program_missing"],
    fix: /set of_windows command npx && switchyard mcp set of_windows args '\["-y","some-mcp"\]'$/,
  },
  {
    name: "home_program",
    config: 'command = "~/bin/server"\n',
    codes: ["program_missing"],
    cause: /replaces ~/,
    fix: /^switchyard mcp set home_program command \/\S+\/bin\/server$/,
  },
  {
    name: "home_folder",
    config: 'command = "sh"\ncwd = "~/bin"\n',
    codes: ["folder_unusable"],
    fix: /^switchyard mcp set home_folder cwd \/\S+\/bin$/,
  },
  {
    name: "home_argument",
    config: 'command = "/HOME/bin/rel.sh"\nargs = ["~/docs"]\n',
    codes: ["value_unfilled"],
    fix: /^switchyard mcp set home_argument args\.0 \/\S+\/docs$/,
  },
  {
    name: "placeholder",
    config: small('env.SOME_TOKEN = "<your token>"\n'),
    codes: ["value_unfilled"],
    fix: /unset placeholder env\.SOME_TOKEN && switchyard mcp set placeholder env_vars '\["SOME_TOKEN"\]' && export SOME_TOKEN=…$/,
  },
  {
    name: "header_reference",
    config: 'url = "http://127.0.0.1:1/mcp"\nhttp_headers = { Authorization = "Bearer ${SOME_TOKEN}" }\n',
    codes: ["connection_refused", "value_unfilled"],
  },
  {
    name: "script_elsewhere",
    config: 'command = "node"\nargs = ["--no-warnings", "source.mjs"]\ncwd = "/HOME"\n',
    codes: ["script_missing"],
    fix: /^switchyard mcp set script_elsewhere args\.1 built\/source\.mjs$/,
  },
  {
    name: "not_built",
    config: 'command = "node"\nargs = ["/HOME/built/dist/index.js"]\n',
    codes: ["script_missing"],
    fix: /^\(cd \S+\/built && npm install && npm run build\)$/,
  },
  {
    name: "no_python_module",
    config: script("echo '/usr/bin/python3: No module named mcp_server_time' >&2; exit 1"),
    codes: ["module_missing"],
    fix: /^python3 -m pip install mcp_server_time$/,
  },
  {
    name: "not_executable",
    config: 'command = "/HOME/bin/plain.sh"\n',
    codes: ["program_not_executable"],
    fix: /^chmod \+x \S+\/bin\/plain\.sh$/,
  },
  {
    name: "folder_as_program",
    config: 'command = "/HOME/bin"\n',
    codes: ["program_not_executable"],
    cause: /a folder/,
    fix: /set folder_as_program command \/\S+\/bin\/PROGRAM$/,
  },
  {
    name: "no_program",
    config: 'command = "/HOME/bin/words.py"\n',
    codes: ["program_not_executable"],
    fix: /^perl -pi -e 'print "#!\/usr\/bin\/env python3\\n" if \$\. == 1' \S+words\.py$/,
  },
  {
    name: "wrong_shebang",
    config: 'command = "/HOME/bin/shebang"\n',
    codes: ["interpreter_missing"],
    cause: /names \/no\/such\/bash/,
    fix: /^perl -pi -e 's\|\^#!\.\*\|#!\/usr\/bin\/env bash\| if \$\. == 1' \S+$/,
  },
  {
    name: "windows_shebang",
    config: 'command = "/HOME/bin/windows"\n',
    codes: ["interpreter_missing"],
    fix: /^perl -pi -e 's\/\\r\$\/\/' \S+windows$/,
  },
  {
    name: "exits",
    config: `${script("echo 'cannot open the database' >&2; exit 3", ["--token", SECRET])}env = { TOKEN = "${SECRET}" }\n`,
    codes: ["exited"],
    stderr: /^cannot open the database$/,
    fix: null,
  },
  {
    name: "says_nothing",
    config: script("exit 0"),
    codes: ["exited"],
    cause: /says nothing/,
    fix: /^\(cd \S+ && sh -c 'exit 0' <\/dev\/null\)$/,
  },
  {
    name: "leaks",
    config: `${script('echo "bad key $API_KEY" >&2; exit 1')}env = { API_KEY = "${SECRET}" }\n`,
    codes: ["exited"],
    stderr: /^bad key \*+$/,
  },
  {
    name: "leaks_its_own",
    config: script(`echo 'rejected: ${OF_THE_SERVER}' >&2; exit 1`),
    codes: ["exited"],
    stderr: /^rejected: \*+$/,
    fix: null,
  },
  {
    name: "wants_variable",
    config: script("echo 'Error: GITHUB_API_URL is not set' >&2; exit 1"),
    codes: ["variable_wanted"],
    fix: /^switchyard mcp set wants_variable env_vars '\["GITHUB_API_URL"\]' && export GITHUB_API_URL=…$/,
  },
  {
    name: "wants_two",
    config: script("echo 'Please set TEAM_BOT_NAME and TEAM_ID environment variables' >&2; exit 1"),
    codes: ["variable_wanted"],
    fix: /env_vars '\["TEAM_BOT_NAME","TEAM_ID"\]' && export TEAM_BOT_NAME=… && export TEAM_ID=…$/,
  },
  {
    name: "wants_variable_by_hand",
    config: `${script("echo 'SECOND_NAME is required' >&2; exit 1")}env_vars = [{ name = "HOME", source = "local" }]\n`,
    codes: ["variable_wanted"],
    fix: /EDITOR/,
  },
  {
    name: "wants_arguments",
    config: script("echo 'Please provide a database URL as a command-line argument' >&2; exit 1"),
    codes: ["arguments_wrong"],
    fix: /^switchyard mcp set wants_arguments args '\["-c",.*,"…"\]'$/,
  },
  {
    name: "path_missing",
    config: script("echo 'none of the folders can be read' >&2; exit 1", ["--all", "/no/such/folder"]),
    codes: ["path_missing"],
    fix: /^switchyard mcp set path_missing args\.3 \/path\/that\/exists$/,
  },
  {
    name: "port_taken",
    config: script("echo 'Error: listen EADDRINUSE: address already in use 127.0.0.1:3000' >&2; exit 1"),
    codes: ["port_taken"],
    fix: /^lsof -nP -i :3000$/,
  },
  {
    name: "no_database",
    config: script("echo 'Error: connect ECONNREFUSED 127.0.0.1:5432' >&2; exit 1"),
    codes: ["service_unreachable"],
    fix: /^nc -vz 127\.0\.0\.1 5432$/,
  },
  {
    name: "no_modules",
    config: 'command = "node"\nargs = ["/HOME/built/source.mjs"]\n',
    codes: ["module_missing"],
    fix: /^\(cd \S+\/built && npm install\)$/,
  },
  {
    name: "not_permitted",
    config: script("echo \"Error: EACCES: permission denied, mkdir '/data'\" >&2; exit 1"),
    codes: ["not_permitted"],
    fix: /^ls -ld \/data$/,
  },
  {
    name: "root_cache",
    config: script("echo 'npm error Your cache folder contains root-owned files' >&2; exit 1"),
    codes: ["not_permitted"],
    fix: /^sudo chown -R .* ~\/\.npm$/,
  },
  {
    name: "disk_full",
    config: script("echo 'OSError: [Errno 28] No space left on device' >&2; exit 1"),
    codes: ["disk_full"],
    fix: /^df -h$/,
  },
  {
    name: "company_authority",
    config: script("echo 'npm error code SELF_SIGNED_CERT_IN_CHAIN' >&2; exit 1"),
    codes: ["tls_untrusted"],
    fix: /^switchyard mcp set company_authority env\.NODE_EXTRA_CA_CERTS \/path\/to\/ca\.pem$/,
  },
  {
    name: "docker_down",
    config: 'command = "docker"\nargs = ["run", "-i", "--rm", "-e", "A_TOKEN", "mcp/fetch:1.2.3"]\n',
    codes: ["docker_unusable"],
    fix: /^sudo systemctl start docker$|^open -a Docker$/,
  },
  {
    name: "container_without_input",
    config: 'command = "docker"\nargs = ["run", "--rm", "mcp/time"]\n',
    codes: ["container_no_stdin", "package_unpinned"],
    fix: /set container_without_input args '\["run","-i","--rm","mcp\/time"\]'$/,
  },
  {
    name: "no_script",
    config: 'command = "node"\nargs = ["dist/index.js"]\n',
    codes: ["script_missing"],
    cause: /no file \S+dist\/index\.js/,
    fix: /^"\$\{EDITOR:-vi\}" \+\d+ \S+switchyard\.toml$/,
  },
  {
    name: "noisy",
    config: `command = "sh"\nargs = ["-c", "echo Listening; exec sh small.sh"]\ncwd = "/HOME/bin"\n`,
    codes: ["stdout_noise"],
    fix: null,
  },
  {
    name: "chatty",
    config: `${script("echo '> welcome to the shell'; exec sleep 60")}startup_timeout_sec = 8\n`,
    codes: ["no_answer"],
    cause: /not MCP \("> welcome/,
    fix: /EDITOR/,
  },
  {
    name: "silent",
    config: `${script("exec sleep 60")}${SHORT}`,
    codes: ["no_answer"],
    fix: /^switchyard mcp set silent startup_timeout_sec 8$/,
  },
  {
    name: "slow_list",
    config: small(`env.MUTE = "yes"\nstartup_timeout_sec = 10\n`),
    codes: ["no_list"],
    fix: /set slow_list startup_timeout_sec 40$/,
  },
  {
    name: "unset",
    config: 'url = "http://127.0.0.1:1/mcp"\nbearer_token_env_var = "DOCTOR_TEST_TOKEN"\n',
    codes: ["variable_unset"],
    fix: /^export DOCTOR_TEST_TOKEN=…$/,
  },
  {
    name: "no_folder",
    config: 'command = "sh"\ncwd = "/HOME/gone/away"\n',
    codes: ["folder_unusable"],
    fix: /^mkdir -p \S+\/gone\/away$/,
  },
  {
    name: "no_environment",
    config: 'command = "sh"\ncwd = "/tmp"\nenvironment_id = "boxx"\n',
    codes: ["environment_unusable"],
    fix: /^switchyard mcp unset no_environment environment_id$/,
  },
  {
    name: "no_package",
    config: 'command = "npx"\nargs = ["-y", "no-such-mcp"]\n',
    codes: ["package_missing"],
    cause: /no package "no-such-mcp"/,
    fix: /^switchyard mcp set no_package args\.1 PACKAGE@VERSION$/,
  },
  {
    name: "no_registry",
    config: 'command = "npx"\nargs = ["-y", "--offline-please", "some-mcp@1.2.3"]\n',
    codes: ["registry_unreachable"],
    fix: /^npm install --global some-mcp$/,
  },
  {
    name: "no_module",
    config: script("echo \"Error: Cannot find module 'zod'\" >&2; exit 1"),
    codes: ["module_missing"],
    fix: /^\(cd \S+ && npm install zod\)$/,
  },
  { name: "off", config: 'command = "sh"\nenabled = false\n', codes: [] },
  {
    name: "two_transports",
    config: 'command = "sh"\nurl = "https://example.com"\n',
    codes: ["server_invalid"],
    fix: /EDITOR/,
  },
  { name: "bad_url", config: 'url = "nonsense"\n', codes: ["server_unstartable"], fix: /EDITOR/ },
  {
    name: "bad_schema",
    config: small("", ANY_OF),
    codes: ["tool_schema_refused"],
    cause: /the others work/,
    fix: /^switchyard mcp set bad_schema disabled_tools '\["pick"\]'$/,
  },
  { name: "other_names", config: small("", DASHED), codes: ["tool_renamed"], fix: null },
  {
    name: "relative",
    config: 'command = "bin/rel.sh"\ncwd = "/HOME"\n',
    codes: ["command_relative"],
    fix: /^switchyard mcp set relative command \/\S+\/bin\/rel\.sh$/,
  },
  {
    name: "half",
    config: small('env_vars = ["DOCTOR_TEST_OPTION"]\nenv.HALF = "1"\n'),
    codes: ["variable_missing"],
    fix: /^export DOCTOR_TEST_OPTION=…$/,
  },
  ...["one", "other"].map(
    (name): Setup => ({
      name: `waits_for_${name === "one" ? "other" : "one"}`,
      config: `${script(
        `cd /HOME/bin; : > ${name}.here; until [ -e ${name === "one" ? "other" : "one"}.here ]; do sleep 0.05; done; exec sh small.sh`,
      )}startup_timeout_sec = 20\n`,
      codes: [],
    }),
  ),
  { name: "twin_a", config: small('env.TWIN = "1"\n'), codes: [] },
  {
    name: "twin_b",
    config: small('env.TWIN = "1"\n'),
    codes: ["same_server"],
    fix: /^switchyard mcp disable twin_b$/,
  },
  {
    name: "misspelt_key",
    config: small('env.KEY = "1"\ntool_timeout_secs = 3\n'),
    codes: ["config_warning"],
    fix: /EDITOR/,
  },
  {
    name: "refused",
    config: 'url = "http://127.0.0.1:1/mcp"\n',
    codes: ["connection_refused"],
    fix: /^"\$\{EDITOR:-vi\}" \+\d+ /,
  },
  {
    name: "no_host",
    config: `url = "https://no-such-host.invalid/mcp?key=${SECRET}"\n`,
    codes: ["host_not_found"],
  },
];

/** The setups, written below a home, with what they need running. */
export class BrokenSetups implements AsyncDisposable {
  readonly all: readonly Setup[];
  readonly #peer: RawPeer;
  readonly #secure: readonly Server[];
  readonly #late: ScriptedHttpServer;

  private constructor(
    all: readonly Setup[],
    peer: RawPeer,
    secure: readonly Server[],
    late: ScriptedHttpServer,
  ) {
    this.all = all;
    this.#peer = peer;
    this.#secure = secure;
    this.#late = late;
  }

  static async start(home: TestHome): Promise<BrokenSetups> {
    const peer = await RawPeer.start(({ path }, response) => {
      const status = /^\/(\d{3})/.exec(path)?.[1];
      if (status !== undefined)
        response.writeHead(Number(status), { location: "https://other.example/mcp" }).end();
      else response.setHeader("content-type", "text/html").end("<!doctype html><title>Sign in</title>");
    });
    const late = await ScriptedHttpServer.start();
    late.intercept = (_request, response) => {
      response.setHeader("date", new Date(Date.now() - 3_600_000).toUTCString());
      return false;
    };
    const secure = await Promise.all(["untrusted", "expired", "other-host"].map(listenTls));
    const [untrusted, expired, otherHost] = secure.map((each) => `https://127.0.0.1:${portOf(each)}/mcp`);
    const http = (path: string): string => `url = "http://127.0.0.1:${peer.port}${path}"\n`;
    const remote: readonly Setup[] = [
      {
        name: "wrong_path",
        config: http("/404/api"),
        codes: ["url_wrong"],
        cause: /most are at \/mcp/,
        fix: /^switchyard mcp set wrong_path url http:\/\/127\.0\.0\.1:\d+\/mcp$/,
      },
      { name: "moved", config: http("/308"), codes: ["url_moved"], fix: /EDITOR/ },
      {
        name: "login",
        config: http("/401"),
        codes: ["unauthorized"],
        fix: /^switchyard mcp login login$/,
      },
      {
        name: "bad_token",
        config: `${http("/401")}bearer_token_env_var = "DOCTOR_TEST_BAD"\n`,
        codes: ["unauthorized"],
        cause: /the token in DOCTOR_TEST_BAD/,
        fix: /^export DOCTOR_TEST_BAD=…$/,
      },
      { name: "not_allowed", config: http("/403"), codes: ["forbidden"] },
      { name: "trouble", config: http("/503"), codes: ["http_error"], fix: /^curl -sSI / },
      {
        name: "web_page",
        config: http("/"),
        codes: ["not_mcp"],
        fix: /^switchyard mcp set web_page url \S+\/mcp$/,
      },
      {
        name: "tls_untrusted",
        config: `url = "${untrusted}"\n`,
        codes: ["tls_untrusted"],
        fix: /^export NODE_EXTRA_CA_CERTS=/,
      },
      {
        name: "tls_expired",
        config: `url = "${expired}"\n`,
        codes: ["tls_expired"],
        fix: /^openssl s_client -connect 127\.0\.0\.1:\d+ .* -noout -dates$/,
      },
      {
        name: "tls_other_host",
        config: `url = "${otherHost}"\n`,
        codes: ["tls_wrong_host"],
        fix: /-ext subjectAltName$/,
      },
      {
        name: "not_tls",
        config: `url = "https://127.0.0.1:${peer.port}/mcp"\n`,
        codes: ["tls_not_spoken"],
        fix: /set not_tls url http:\/\/127/,
      },
      {
        name: "late_clock",
        config: `url = "${late.url}"\n`,
        codes: ["clock_wrong"],
        cause: /tokens/,
        fix: /set-ntp|sntp/,
      },
    ];
    const all = [...LOCAL, ...remote];
    writePrograms(home);
    home.write(
      OURS,
      all
        .map(({ name, config }) => `[mcp_servers.${name}]\n${config}`)
        .join("\n")
        .replaceAll("/HOME", home.home),
    );
    return new BrokenSetups(all, peer, secure, late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#secure) server.close();
    await this.#peer[Symbol.asyncDispose]();
    await this.#late[Symbol.asyncDispose]();
  }
}

function writePrograms(home: TestHome): void {
  const bin = join(home.home, "bin");
  const local = join(home.home, ".local", "bin");
  for (const folder of [bin, local, join(bin, "node_modules", "small")])
    mkdirSync(folder, { recursive: true });
  const write = (path: string, text: string, mode = 0o755): void => {
    writeFileSync(path, text);
    chmodSync(path, mode);
  };
  write(join(bin, "small.sh"), SMALL);
  write(join(bin, "rel.sh"), `#!/bin/sh\n${SMALL}`);
  write(join(bin, "plain.sh"), "#!/bin/sh\n", 0o644);
  write(join(bin, "words.py"), "print('hello')\n");
  write(join(bin, "shebang"), "#!/no/such/bash\n");
  write(join(bin, "node_modules", "small", "cli.sh"), `#!/bin/sh\n${SMALL}`);
  write(
    join(bin, "node_modules", "small", "package.json"),
    '{"name":"small","version":"4.5.6","bin":"cli.sh"}',
  );
  mkdirSync(join(home.home, "built"));
  // What Node 24 writes where the package is not installed, without its compiler to be waited for.
  write(
    join(home.home, "built", "source.mjs"),
    "throw new Error(\"Cannot find package 'zod' imported from a.mjs\")",
  );
  write(join(home.home, "built", "package.json"), '{"name":"built","scripts":{"build":"tsc"}}');
  write(join(bin, "windows"), "#!/bin/sh\r\n");
  write(join(local, "local-mcp"), `#!/bin/sh\n${SMALL}`);
  // What npm 11 writes, without a registry to ask.
  const missing =
    "npm error code E404\nnpm error 404 Not Found - GET https://packages.example/no-such-mcp\nnpm error 404\nnpm error 404  The requested resource\nnpm error 404\nnpm error 404 Note that you can also install from a\nnpm error 404 tarball, folder, http url, or git url.";
  const offline = "npm error code ECONNREFUSED\nnpm error syscall connect";
  write(
    join(bin, "npx"),
    `#!/bin/sh\ncase "$*" in *offline*) echo '${offline}' ;; *) echo '${missing}' ;; esac >&2\nexit 1\n`,
  );
  // What Docker 28 writes where its daemon does not run.
  const down =
    "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\nRun 'docker run --help' for more information";
  write(
    join(bin, "docker"),
    `#!/bin/sh\ncase "$*" in *fetch*) cat <<'E' >&2\n${down}\nE\n;; esac\nexit 125\n`,
  );
}

async function listenTls(certificate: string): Promise<Server> {
  const server = createServer({
    key: readFileSync(join(TLS, "server.key")),
    cert: readFileSync(join(TLS, `${certificate}.pem`)),
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
