/** Tools of MCP servers as models are offered them: names, the way back, and which calls may overlap. */
export {
  type ApprovalAnswer,
  type ApprovalOutcome,
  type ApprovalQuestion,
  type ApprovalRequest,
  Approvals,
  type ApprovalsOptions,
  type AskHandler,
} from "./approval/approvals.ts";
export {
  type ApprovalDecision,
  approvalModeOf,
  type ApprovalPolicy,
  decide,
  type DecideInput,
  type ModeOfTool,
  type ToolEffect,
  type ToolHints,
} from "./approval/decide.ts";
export type { Issue } from "../base/reader.ts";
export { checkElicitationAnswer } from "./approval/elicitation-answer.ts";
export { type ElicitationOptions, elicitationsFor } from "./approval/elicitations.ts";
export { rememberIn } from "./approval/remember-in.ts";
export { Gate, type GateKey, type GateOptions, type GateRequest, type Pass } from "./gate/gate.ts";
export { isParallel, type ParallelInput } from "./gate/is-parallel.ts";
export { qualifiedMcpToolNamePrefix } from "./names/spelling.ts";
export { type FoundTool, type GoneTool, ToolCatalog, type WrittenToolName } from "./names/tool-catalog.ts";
export { ToolNames, type ToolNamesOptions } from "./names/tool-names.ts";
export type { ToolConnector } from "./connector.ts";
export { codexOutput, type OutputOptions } from "./output/codex-output.ts";
export { KeptOutputs, type KeptOutputsOptions } from "./output/kept-outputs.ts";
export { modelOutput, type ModelOutputOptions } from "./output/model-output.ts";
export { DEFAULT_OUTPUT_LIMIT, type ModelTraits, type OutputLimit } from "./output/model-traits.ts";
export { outputsFor, type ThreadOutputOptions } from "./output/outputs-for.ts";
export {
  type DeclaredToolName,
  type QualifiedToolName,
  type ServerTool,
  type ToolInfo,
  type ToolProvenance,
  toolsOf,
  type VisibleToolName,
} from "./tool-info.ts";
export { resourceTools } from "./resources/resource-tools.ts";
export type {
  DispatchEvent,
  DispatchOptions,
  FunctionCallItem,
  FunctionCallOutputItem,
  FunctionToolDefinition,
  HostTool,
  NamespaceDefinition,
  OutputPart,
  RoutedTool,
  StepTools,
  ToolDefinition,
  ToolOutput,
} from "./router/contract.ts";
export {
  type Approver,
  type OutputOf,
  type Route,
  ToolRouter,
  type ToolRouterOptions,
} from "./router/tool-router.ts";
export {
  type BudgetSchema,
  budgetInputSchema,
  type SchemaCut,
  schemaTokens,
} from "./schema/budget-schema.ts";
export { codexInputSchema, type ModelSchema, SCHEMA_BYTES_MAX } from "./schema/codex-schema.ts";
export { type InputSchemaOptions, inputSchemasOf } from "./schema/input-schemas.ts";
