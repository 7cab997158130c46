import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { formatProblem } from "./show-problem.ts";
import { readMcpServers } from "./read-servers.ts";
import { nodeAt } from "./toml/node.ts";
import { parseToml } from "./toml/parse.ts";
import { maskArgs, maskLines, maskProblem, maskText, maskUrl } from "./mask.ts";

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
    `url = "https://a:${secret}@b/c?d=${secret}"`,
    `env.A = ${secret}`,
    `env.A = "${secret}`,
    `env.A = """\nfirst\n${secret}`,
    `env.A = '''${secret}\n${secret}`,
    `env.A = 5 # Bearer ${secret}`,
  ];
  for (const line of lines) {
    test(`an excerpt of ${JSON.stringify(line)} shows no secret, and the lines stay`, () => {
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

  test("names of variables are no secret", () => {
    const text =
      '[mcp_servers.a]\nurl = "https://a.b/c"\nbearer_token_env_var = "MY_TOKEN"\nenv_http_headers = { Authorization = "MY_AUTH" }\n';
    assert.equal(maskLines({ name: "config.toml", text }), text);
  });

  test("a problem keeps its place and its message", () => {
    const source = {
      name: "config.toml",
      text: '[mcp_servers.a]\ncommand = "x"\nenv = { A = 1, B = "PLANTED" }\n',
    };
    const parsed = parseToml(source);
    assert.ok(parsed.ok);
    const { errors } = readMcpServers(nodeAt(parsed.document.root, ["mcp_servers"]));
    const [first] = errors;
    assert.ok(first);
    const shown = formatProblem(maskProblem(first));
    assert.ok(shown.startsWith(formatProblem(first).split("\n")[0] ?? "?"));
    assert.ok(!shown.includes("PLANTED"));
  });
});
