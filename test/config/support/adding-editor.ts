/** A process that adds one server to a file: `node adding-editor.ts FILE NAME`. */
import { ConfigEditor } from "../../../src/config/index.ts";

const [file = "", name = ""] = process.argv.slice(2);
await new ConfigEditor(file, { lockTimeoutMs: 120_000 }).add(name, { command: `run-${name}` }).apply();
