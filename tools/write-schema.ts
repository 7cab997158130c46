/** Writes `schema/switchyard.schema.json` from the tables of `src/config`. `npm run schema` runs it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configJsonSchema } from "../src/config/schema/json-schema.ts";

const folder = join(import.meta.dirname, "..", "schema");
mkdirSync(folder, { recursive: true });
writeFileSync(
  join(folder, "switchyard.schema.json"),
  `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`,
);
