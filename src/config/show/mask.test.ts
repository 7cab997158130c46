import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { valueFreeText } from "../problem.ts";
import { formatProblem } from "./show-problem.ts";
import { parseOverrides } from "../layers/overrides.ts";
import { parseMcpServers, readMcpServers } from "../server/read-servers.ts";
import { nodeAt, toPlain } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { maskProblem } from "./mask-problem.ts";
import { maskLines } from "./mask-source.ts";
import { maskArgs, maskText, maskUrl } from "./mask-text.ts";

suite("masking", () => {
  const urls: readonly (readonly [url: string, shown: string])[] = [
    ["https://example.com/mcp", "https://example.com/mcp"],
    ["https://user:pass@example.com/mcp", "https://*****@example.com/mcp"],
    ["https://example.com/mcp?key=abc&x=1", "https://example.com/mcp?key=*****&x=*****"],
    ["https://example.com/?abc", "https://example.com/?*****"],
    ["https://example.com/#token=abc", "https://example.com/#token=*****"],
    ["https://example.com/#part", "https://example.com/#part"],
    ["not a url", "not a url"],
  ];
  for (const [url, shown] of urls) test(`shows ${url} as ${shown}`, () => assert.equal(maskUrl(url), shown));

  const words: readonly (readonly [args: readonly string[], shown: readonly string[]])[] = [
    [
      ["--token", "abc"],
      ["--token", "*****"],
    ],
    [
      ["--github-token", "abc"],
      ["--github-token", "*****"],
    ],
    [
      ["--apiKey", "abc"],
      ["--apiKey", "*****"],
    ],
    [["--api-key=abc"], ["--api-key=*****"]],
    [
      ["--token", "--verbose"],
      ["--token", "--verbose"],
    ],
    [
      ["--max-tokens", "5"],
      ["--max-tokens", "5"],
    ],
    [
      ["--author", "me"],
      ["--author", "me"],
    ],
    [
      ["--port", "1"],
      ["--port", "1"],
    ],
    [
      ["-e", "ANY=abc"],
      ["-e", "ANY=*****"],
    ],
    [
      ["-e", "ANY"],
      ["-e", "ANY"],
    ],
    [
      ["--header", "Authorization: Bearer abc"],
      ["--header", "Authorization: *****"],
    ],
    [["OPENAI_API_KEY=abc"], ["OPENAI_API_KEY=*****"]],
    [
      ["-c", "TOKEN=abc exec server"],
      ["-c", "TOKEN=***** exec server"],
    ],
    [["sk-abcdefgh"], ["*****"]],
    [["ghp_abcdefgh"], ["*****"]],
    [["npx x --api-key abc --port 1"], ["npx x --api-key ***** --port 1"]],
    [["postgres://u:p@host/db"], ["postgres://*****@host/db"]],
    [
      ["-y", "@scope/server-name@1.2.3", "./folder"],
      ["-y", "@scope/server-name@1.2.3", "./folder"],
    ],
  ];
  for (const [args, shown] of words) {
    test(`shows ${args.join(" ")} as ${shown.join(" ")}`, () => assert.deepEqual(maskArgs(args), shown));
  }

  test("what follows Bearer is masked anywhere", () => {
    assert.equal(maskText("say Bearer abc.def now"), "say Bearer ***** now");
  });

  const secret = "PLANTED";
  const lines: readonly string[] = [
    `env = { A = "${secret}" }`,
    `env.A = '${secret}'`,
    `env.A = """\n${secret}\nmore ${secret}"""`,
    `http_headers = { "X-A" = "${secret}" }`,
    `headers = { "X-A" = "${secret}" }`,
    `http_headers_helper = "echo ${secret}"`,
    `bearer_token = "${secret}"`,
    `oauth.client_secret = "${secret}"`,
    `args = ["--token", "${secret}"]`,
    `args = "--token ${secret}"`,
    `env_vars = [{ name = "A", source = "${secret}" }]`,
    `env_vars = [{ name = "A", value = "${secret}" }]`,
    `url = "https://a:${secret}@b/c?d=${secret}"`,
    `env.A = ${secret}`,
    `env.A = "${secret}`,
    `env.A = """\nfirst\n${secret}`,
    `env.A = '''${secret}\n${secret}`,
    `env.A = 5 # Bearer ${secret}`,
  ];
  for (const line of lines) {
    test(`an excerpt of ${JSON.stringify(line)} shows no secret, and the lines stay (M1, M2)`, () => {
      const text = `[mcp_servers.a]\n${line}\nlast = 1\n`;
      const source = { name: "config.toml", text };
      const problem = { message: "m", place: { source, start: 16, end: 17 } };
      const { place } = maskProblem(problem);
      assert.ok(!place?.source.text.includes(secret), place?.source.text);
      assert.equal(place?.source.text.length, text.length);
      const masked = maskLines(source);
      assert.ok(!masked.includes(secret), masked);
      assert.equal(masked.split("\n").length, text.split("\n").length);
    });
  }

  test("names of variables are not secrets", () => {
    const text =
      '[mcp_servers.a]\nurl = "https://a.b/c"\nbearer_token_env_var = "MY_TOKEN"\nenv_http_headers = { Authorization = "MY_AUTH" }\n';
    assert.equal(maskLines({ name: "config.toml", text }), text);
  });

  test("a number behind a flag that names a secret is masked", () => {
    const text = '[mcp_servers.a]\nargs = ["--token", 12345, "--port", 80]\n';
    assert.equal(
      maskLines({ name: "config.toml", text }),
      '[mcp_servers.a]\nargs = ["--token", *****, "--port", 80]\n',
    );
  });

  test("what other tables of Codex hold is masked like a server's", () => {
    const text = (value: string): string =>
      `[model_providers.a]\nquery_params = { k = "${value}" }\nhttp_headers = { k = "${value}" }\n` +
      `[shell_environment_policy]\nset = { A = "${value}" }\ninherit = "all"\n`;
    assert.equal(maskLines({ name: "config.toml", text: text("abc") }), text("*****"));
  });

  test("names and sources of env_vars are not secrets", () => {
    const text =
      '[mcp_servers.a]\ncommand = "x"\nenv_vars = ["TOKEN", { name = "MY_TOKEN", source = "local" }]\n';
    assert.equal(maskLines({ name: "config.toml", text }), text);
  });

  test("a problem keeps its place (M1)", () => {
    const source = {
      name: "config.toml",
      text: '[mcp_servers.a]\ncommand = "x"\nenv = { A = 1, B = "PLANTED" }\n',
    };
    const parsed = parseToml(source);
    assert.ok(parsed.ok);
    const { errors } = readMcpServers(nodeAt(parsed.document.root, ["mcp_servers"]));
    const [first] = errors;
    assert.ok(first?.place);
    const { place } = maskProblem(first);
    assert.deepEqual({ ...place, source }, first.place);
    assert.ok(!formatProblem(first).includes("PLANTED"));
  });
});

suite("the message of a problem shows no secret, and keeps its other words (P1)", () => {
  const found: readonly (readonly [line: string, message: string])[] = [
    ['http_headers = "Bearer PLANTED"', 'invalid type: string "*****", expected a map'],
    [
      "http_headers = 'PLANTED\"q` , expected `PLANTED`, expected PLANTED'",
      'invalid type: string "*****", expected a map',
    ],
    ["http_headers.A = 12345", "invalid type: integer `*****`, expected a string"],
    ["http_headers.A = 1.5", "invalid type: floating point `*****`, expected a string"],
    ["bearer_token = 12345", "invalid type: integer `*****`, expected a string"],
    ['oauth.client_secret = ["PLANTED"]', "invalid type: sequence, expected a string"],
    ["oauth.client_secret = 12345", "invalid type: integer `*****`, expected a string"],
    ['args = "--token PLANTED"', 'invalid type: string "*****", expected a sequence'],
    ['args = ["--token", 12345]', "invalid type: integer `*****`, expected a string"],
    ['scopes = "https://a:PLANTED@b"', 'invalid type: string "*****", expected a sequence'],
    ['enabled = "Bearer PLANTED"', 'invalid type: string "*****", expected a boolean'],
    ['enabled = "yes"', 'invalid type: string "yes", expected a boolean'],
    ["env_http_headers.A = 12345", "invalid type: integer `12345`, expected a string"],
    ['auth = "x"', "unknown variant `x`, expected one of `oauth`, `chatgpt`, `ema_auth`"],
  ];
  for (const [line, message] of found) {
    test(line, () => {
      const parsed = parseToml({ name: "config.toml", text: `[mcp_servers.a]\nurl = "u"\n${line}\n` });
      assert.ok(parsed.ok);
      const servers = nodeAt(parsed.document.root, ["mcp_servers"]);
      const [problem] = readMcpServers(servers).errors;
      assert.ok(problem);
      assert.equal(maskProblem(problem).message, message);
      assert.doesNotMatch(valueFreeText(problem), /PLANTED|12345|1\.5|yes|`x`/);
      // The same without a place, from a program's object.
      if (!line.startsWith("args") && !line.startsWith("scopes")) {
        const [placeless] = parseMcpServers(toPlain(servers ?? parsed.document.root)).errors;
        assert.ok(placeless !== undefined && placeless.place === undefined);
        const quoted = message.replace('"*****", expected a boolean', '"Bearer *****", expected a boolean');
        assert.equal(maskProblem(placeless).message, quoted);
      }
    });
  }

  test("the source of a variable, though its path is that of the server", () => {
    const { errors } = parseMcpServers({
      a: { command: "x", env_vars: [{ name: "A", source: "PLANTED`; expected `x" }] },
    });
    const messages = errors.map((problem) => maskProblem(problem).message);
    assert.deepEqual(messages, ["unsupported env_vars source `*****`; expected `local` or `remote`"]);
  });

  test("a key that the path names anyway", () => {
    const problem = {
      message: "unknown configuration field `mcp_servers.a.headers`",
      path: ["mcp_servers", "a", "headers"],
    };
    assert.equal(maskProblem(problem).message, problem.message);
  });
});

suite("an excerpt of an override shows no secret", () => {
  const overrides: readonly (readonly [text: string, shown: string])[] = [
    ["mcp_servers.a.env={A='PLANTED'}", "{A='*******'}"],
    ["mcp_servers.a.env.A=PLANTED", "*******"],
    ["mcp_servers.a={command='x',env={A='PLANTED'}}", "{command='x',env={A='*******'}}"],
    ["mcp_servers={a={url='https://u:PLANTED@b'}}", "{a={url='*******************'}}"],
    ["mcp_servers.a.args=['--token','PLANTED','x']", "['--token','*******','x']"],
    // Not valid TOML, and so a string to Codex.
    ["mcp_servers.a={env={A='PLANTED'", "*****************"],
    ["mcp_servers.a={env={A=PLANTED}}", "*****************"],
    ["mcp_servers.a={env={A='PLAN'TED'}}", "********************"],
    ["mcp_servers.a.url=https://u:PLANTED@b", "*******************"],
    ["mcp_servers.a.command=plain words", "plain words"],
    ["mcp_servers.a.enabled=false", "false"],
  ];
  for (const [text, shown] of overrides) {
    test(text, () => {
      const { root } = parseOverrides([text]);
      const key = text.slice(0, text.indexOf("=")).split(".");
      const place = nodeAt(root, key)?.place;
      assert.ok(place);
      assert.equal(maskProblem({ message: "m", place }).place?.source.text, shown);
    });
  }

  test("and neither does the message about a malformed one", () => {
    const { problems } = parseOverrides(["PLANTED", "=PLANTED", " =\nPLANTED"]);
    assert.deepEqual(
      problems.map((problem) => maskProblem(problem).message),
      [
        "Invalid override (missing '='): *****",
        "Empty key in override: *****",
        "Empty key in override: *****",
      ],
    );
  });
});

test("what is pasted where a name belongs, and what stands in an unknown key, is masked", () => {
  const masked = maskLines({
    name: "config.toml",
    text:
      '[mcp_servers.a]\nurl = "u:hunter2@h/x?k=hunter2"\nbearer_token_env_var = "sk hunter2"\n' +
      'env_http_headers = { A = "Bearer hunter2", B = "OK_NAME" }\nsecrets = { k = "hunter2" }\n' +
      '# api_key = "hunter2"\n[mcp_servers.b]\ncommand = "x"\nenv_vars = ["TOKEN=hunter2", "FINE"]\n' +
      'args = ["--jwt", "hunter2", "--auth", "hunter2", "-u", "me:hunter2", "{\\"token\\":\\"hunter2\\"}", "/p?sig=hunter2"]\n',
  });
  assert.ok(!masked.includes("hunter2"), masked);
  assert.match(masked, /OK_NAME/);
  assert.match(masked, /FINE/);
  assert.match(masked, /--jwt/);
});

suite("of ordinary text nothing is masked", () => {
  const texts = [
    "basic auth is not supported",
    "Basic authentication and the bearer token of a server",
    "https://example.com:8080/mcp/v1#part",
    "https://example.com/@scope/name",
    "https://example.com/pkg@1.2.3/mcp",
    "it is at `http://a:80`, or (see https://h:8080).",
    "set --token-file, --max-tokens-per-request or --token-endpoint-auth-method",
    "TOKENIZERS_PARALLELISM=false, --no-token-validation, and API_KEY environment-variable",
  ];
  for (const text of texts) test(text, () => assert.equal(maskText(text), text));

  const args = [
    "node:20-alpine",
    "--secure",
    "true",
    "--port=8080",
    "-e",
    "DEBUG=1",
    "sandbox=1",
    "a=b",
    "NODE_ENV=production",
    "-c",
    "model=gpt-5",
    "--passwordless-login",
    "--api-keys-directory",
    "--access-key-id",
    "@scope/token-manager-server",
  ];
  test(args.join(" "), () => assert.deepEqual(maskArgs(args), args));

  const text = `# Note: don't forget, it's needed
# sandbox=1
# enabled = false
# Set enabled=false and 'foo' to be safe
[mcp_servers.a]
tool_timout_sec = 30
comand = "npx"
requird = true
sandbox = 1
tools.x.aproval_mode = "auto"
oauth.callback_prt = 80
env_http_heders = { A = "GOOD_NAME" }
[mcp_server.b]
args = ["x"]
`;
  test("in a file with slips", () => assert.equal(maskLines({ name: "f", text }), text));
});

suite("a secret is masked", () => {
  const lines: readonly (readonly [line: string, shown: string])[] = [
    ['oauth.client_secert = "S"', 'oauth.client_secert = "*****"'],
    ['oauth.clientSecrt = "S"', 'oauth.clientSecrt = "*****"'],
    ['foo.bar = ["S"]', 'foo.bar = ["*****"]'],
    ['tools.x.key = "S"', 'tools.x.key = "*****"'],
    ['nev = { A = "S" }', 'nev = { A = "*****" }'],
    ["# TOKEN=S and S", "# TOKEN=*****"],
    ["# password: S", "# password: *****"],
    ["#FOO = 'S'", "#FOO = '*****'"],
    ["# it was TOKEN=S before", "# it was TOKEN=***** before"],
    ['# env = { A = "S" }', '# env = { A = "*****" }'],
    ['# "S",', '# "*****",'],
    ["enabled = true # https://u:S@h/?k=S", "enabled = true # https://*****@h/?k=*****"],
    ['bearer_token_env_var = "sk-live-S"', 'bearer_token_env_var = "*****"'],
  ];
  for (const [line, shown] of lines) {
    test(line, () => {
      const masked = maskLines({ name: "f", text: `[mcp_servers.a]\n${line}\n` });
      assert.equal(masked, `[mcp_servers.a]\n${shown}\n`);
    });
  }

  const words: readonly (readonly [args: readonly string[], shown: readonly string[]])[] = [
    [["-eFOO=S"], ["-eFOO=*****"]],
    [["-HX-A: S"], ["-HX-A: *****"]],
    [["-ume:S"], ["-ume:*****"]],
    [["-DAPI_KEY=S"], ["-DAPI_KEY=*****"]],
    [["docker run -eA=S -e B=S --env=C=S x"], ["docker run -eA=***** -e B=***** --env=C=***** x"]],
    [
      ["--tokn", "hunter2-x"],
      ["--tokn", "*****"],
    ],
    [["--api-kye=hunter2-x"], ["--api-kye=*****"]],
    [
      ["xe", "T=horse-battery"],
      ["xe", "T=*****"],
    ],
    [["eFOO=horse-battery"], ["eFOO=*****"]],
    [["--api-key,horse-battery"], ["--api-key,*****"]],
    [["--api-key7correct-horse"], ["--api-key*****"]],
    [["--github-tokencorrect-horse"], ["--github-token*****"]],
    [["PASSWORDxcorrect-horse"], ["PASSWORD*****"]],
    [["x --ap -key=correct-horse"], ["x --ap -key=*****"]],
  ];
  for (const [args, shown] of words) {
    test(args.join(" "), () => assert.deepEqual(maskArgs(args), shown));
  }

  const urls: readonly (readonly [url: string, shown: string])[] = [
    ["https://u/hunter2@h.example/mcp", "https://u/*****@h.example/mcp"],
    ["https:/u:S@h", "https:/*****@h"],
    ["https//u:S@h", "https//u:*****"],
    ["https://u:S", "https://*****"],
    ["https://h/mcp;key=S", "https://h/mcp;key=*****"],
    ["https://h/#S1", "https://h/#*****"],
  ];
  for (const [url, shown] of urls) test(url, () => assert.equal(maskUrl(url), shown));
});
