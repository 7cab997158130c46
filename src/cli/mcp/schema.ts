/** `switchyard mcp schema`: the JSON Schema of a configuration file, for an editor. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../../base/errors.ts";
import { configJsonSchema } from "../../config/schema/json-schema.ts";
import { ConfigError } from "../../config/problem.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { print, say, shortPath } from "../output.ts";

export const schema: Command = {
  flags: [{ name: "file", value: "FILE.json", about: "write it to this file instead of stdout" }],
  notes: "An editor finds it by the first line of a file:  #:schema ./switchyard.schema.json",
  run: printSchema,
};

function printSchema(args: Args): number {
  const text = `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;
  const file = args.one("file");
  if (file === undefined) {
    print(text);
    return 0;
  }
  // The --file of every other command is a configuration, which must not be overwritten.
  if (!file.endsWith(".json")) throw new UsageError("--file takes the name of a .json file, for the schema");
  try {
    writeFileSync(resolve(file), text);
  } catch (error) {
    const why = messageOf(error);
    throw new ConfigError("write_failed", `Cannot write ${file}: ${why}`, { cause: error });
  }
  say(`Wrote the schema to ${shortPath(resolve(file))}`);
  return 0;
}
