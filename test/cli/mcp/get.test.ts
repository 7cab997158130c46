/** `switchyard mcp get`: one server, every key with its origin. */
import { testCases } from "../support/cases.ts";
import { CODEXS, DOCS, OURS, SECRET } from "../support/test-home.ts";

testCases("switchyard mcp get", [
  {
    what: "get of a missing name is 1 with the near ones",
    files: { [OURS]: DOCS },
    args: ["mcp", "get", "dosc"],
    code: 1,
    stderr: /no MCP server "dosc"; did you mean "docs"\?/,
  },
  {
    what: "get shows every key with its line, from all layers",
    files: { [CODEXS]: `${DOCS}cwd = "a"\n`, [OURS]: '[mcp_servers.docs]\ncwd = "b"\nenv.K = "v"\n' },
    args: ["mcp", "get", "docs"],
    code: 0,
    stdout:
      /command +"docs-mcp" +# ~\/.codex\/config.toml:2\n[^]*env.K +"\*{5}" +# ~\/.switchyard\/switchyard.toml:3\n[^]*cwd +"b" +# ~\/.switchyard\/switchyard.toml:2/,
  },
  {
    what: "get of an invalid server shows what is written, masked",
    files: {
      [OURS]: `[mcp_servers."a b"]\ncommand = "x"\nurl = "https://u:${SECRET}@e.com"\nenv.K = "${SECRET}"\n`,
    },
    args: ["mcp", "get", "a b"],
    code: 1,
    stdout: /^"a b": invalid [^]*command +"x" +# [^]*env.K +"\*{5}" +# ~\/.switchyard\/switchyard.toml:4/,
  },
  {
    what: "get --codex shows no key of Switchyard, and the URL first",
    files: { [CODEXS]: '[mcp_servers.a]\nhttp_headers = { A = "b" }\nurl = "https://e.com"\n' },
    args: ["mcp", "get", "--codex", "a"],
    code: 0,
    stdout: /^a: enabled\n {2}url (?![^]*scope)/,
  },
  {
    what: "get --json with a usage error",
    args: ["mcp", "get", "--json"],
    code: 2,
    stdout: /"code": "usage"/,
  },
]);
