/**
 * The default scripted model as a process of its own, so that a measured process does not pay for it.
 *
 *   node model-process.ts [--port N]
 *
 * Prints one line, `{"baseUrl":"http://127.0.0.1:4711/v1"}`, and ends on SIGTERM, SIGINT or the end of stdin.
 */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { ScriptedModel } from "./scripted-model.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });

// A small record: under load each request may be some hundred kilobytes, and nobody reads it here.
await using model = await ScriptedModel.start({ port: Number(values.port), requestsMax: 8 });
process.stdout.write(`${JSON.stringify({ baseUrl: model.baseUrl })}\n`);

process.stdin.resume();
await Promise.race([
  once(process.stdin, "end"),
  once(process.stdin, "error"),
  once(process, "SIGTERM"),
  once(process, "SIGINT"),
]);
process.stdin.destroy();
