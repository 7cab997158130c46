/** `switchyard mcp add-json`: a server as other products write it, such as in the README of a server. */
import { child } from "../../config/import/dialects.ts";
import { JsonDocument } from "../../config/import/json-document.ts";
import { ConfigError } from "../../config/problem.ts";
import { serverNameProblem } from "../../config/server/start-problem.ts";
import { shellWord } from "../../base/shell-word.ts";
import { UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { readInput } from "../input.ts";
import { EDIT_FLAGS, openEditContext } from "./edit-context.ts";
import { importTexts } from "./import-texts.ts";

export const addJson: Command = {
  operands: [{ name: "NAME" }, { name: "JSON", about: "the server's object; - reads it from stdin" }],
  flags: [{ name: "replace", about: "replace a server of that name" }, ...EDIT_FLAGS],
  notes:
    "Examples:\n" +
    '  switchyard mcp add-json docs \'{"command":"npx","args":["-y","docs-mcp"]}\'\n' +
    '  switchyard mcp add-json web \'{"type":"http","url":"https://example.com/mcp"}\'',
  run: async (args, { signal }) => {
    const [name = "", operand = ""] = args.operands;
    const wrong = serverNameProblem(name);
    if (wrong !== undefined) throw new ConfigError("invalid_edit", wrong);
    const json = operand === "-" ? await readInput("-", signal) : operand;
    const file = "JSON";
    // For a place in what was typed, where it is not valid JSON.
    const { root } = new JsonDocument(json, file);
    if (child(root, "mcpServers") !== undefined) {
      throw new UsageError("JSON is one server; for a list of servers: switchyard mcp import -");
    }
    const text = `{"mcpServers": {${JSON.stringify(name)}: ${json.slice(root.offset, root.offset + root.length)}}}`;
    const again = (): string => `switchyard mcp add-json ${shellWord(name)} JSON --replace`;
    const done = (names: readonly string[]): string => `Added MCP server ${JSON.stringify(names[0])} to`;
    return await importTexts(openEditContext(args), [{ file, text, again }], done, signal);
  },
};
