/** `switchyard mcp schema`: the JSON Schema, on stdout or in a file. */
import { testCases } from "../support/cases.ts";
import { DOCS } from "../support/test-home.ts";

testCases("switchyard mcp schema", [
  { what: "schema", args: ["mcp", "schema"], code: 0, stdout: /^\{\n {2}"\$schema"/ },
  {
    what: "schema --file",
    args: ["mcp", "schema", "--file", "s.json"],
    code: 0,
    after: { "project/s.json": /"\$schema"/ },
  },
  {
    what: "schema does not overwrite a configuration",
    files: { "project/config.toml": DOCS },
    args: ["mcp", "schema", "--file", "config.toml"],
    code: 2,
    stderr: /--file takes the name of a .json file/,
    after: { "project/config.toml": DOCS },
  },
  {
    what: "schema --file in a folder that does not exist",
    args: ["mcp", "schema", "--file", "no/s.json"],
    code: 1,
    stderr: /Cannot write no\/s.json/,
  },
]);
