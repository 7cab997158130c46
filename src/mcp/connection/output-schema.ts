/** Whether a result keeps to the output schema of its tool, checked as MCP's SDK does. */
import {
  type CallToolResult,
  fromJsonSchema,
  type JsonSchemaType,
  type StandardSchemaV1,
  type Tool,
} from "@modelcontextprotocol/client";
import { messageOf } from "../../base/errors.ts";

type Checked = { readonly schema: StandardSchemaV1 } | { readonly invalid: string };

/** Compiled once per definition: that costs far more than a check. */
const compiled = new WeakMap<object, Checked>();

/** @returns what is wrong, in the SDK's words; `undefined` when nothing is */
export async function outputProblem(tool: Tool, result: CallToolResult): Promise<string | undefined> {
  const { outputSchema } = tool;
  if (outputSchema === undefined) return undefined;
  const checked = compiled.get(outputSchema) ?? compile(outputSchema);
  compiled.set(outputSchema, checked);
  if ("invalid" in checked) return `Tool '${tool.name}' has an invalid outputSchema: ${checked.invalid}`;
  if (result.isError === true) return undefined;
  if (result.structuredContent === undefined)
    return `Tool ${tool.name} has an output schema but did not return structured content`;
  const { issues } = await checked.schema["~standard"].validate(result.structuredContent);
  if (issues === undefined) return undefined;
  const words = issues.map(({ message }) => message).join(", ");
  return `Structured content does not match the tool's output schema: ${words}`;
}

function compile(outputSchema: NonNullable<Tool["outputSchema"]>): Checked {
  try {
    return { schema: fromJsonSchema(outputSchema as JsonSchemaType) };
  } catch (error) {
    return { invalid: messageOf(error).slice(0, 200) };
  }
}
