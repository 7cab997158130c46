/** What an MCP server is: read from Codex's files and ours, layer over layer, checked, and edited without harm. */
export { checkConfig } from "./effective/check-root.ts";
export {
  ConfigEditor,
  type ApplyOptions,
  type ConfigEditorOptions,
  type EditResult,
} from "./edit/config-editor.ts";
export type { ConfigEdit, McpServerTables } from "./edit/edits.ts";
export { configuredMcpServers, type ConfiguredMcpServers, type Origins } from "./effective/configured.ts";
export {
  disabledReasonText,
  effectiveMcpServers,
  type EffectiveMcpServer,
  type EffectiveMcpServers,
} from "./effective/effective.ts";
export { loadGlobalMcpServers } from "./effective/global-servers.ts";
export { toEnvironmentDefinition } from "./environments/resolve-environment.ts";
export {
  type BearerTokenReference,
  type EnvironmentConfig,
  type EnvironmentDefinition,
  type EnvironmentOrigin,
  formatEnvironmentOrigin,
  type LoadedEnvironment,
  type UnusableEnvironment,
  type UsableEnvironment,
} from "./environments/types.ts";
export { maskEnvironment } from "./environments/read-environment.ts";
export {
  checkServerEnvironments,
  findEnvironment,
  type FoundEnvironment,
} from "./environments/find-environment.ts";
export {
  type LoadedEnvironments,
  loadEnvironments,
  type LoadEnvironmentsOptions,
} from "./environments/load-environments.ts";
export {
  type ConfigLayer,
  type ConfigLayerName,
  type ConfigLayers,
  loadConfigLayers,
  type LoadLayersOptions,
} from "./layers/layers.ts";
export type {
  LoadedPlugin,
  LoadedPlugins,
  PluginAttribution,
  PluginServer,
  SelectedPlugin,
  ToolPluginProvenance,
} from "./plugins/types.ts";
export { type ImportNote, type ImportResult, importServers } from "./import/import-servers.ts";
export { configJsonSchema } from "./schema/json-schema.ts";
export { serverNameProblem, serverUrlProblem } from "./server/start-problem.ts";
export { toNormalForm, toWritten } from "./server/normal-form.ts";
export type { Origin } from "./layers/origins.ts";
export { ConfigError, type ConfigErrorCode, type ConfigProblem } from "./problem.ts";
export { loadSkills, type LoadedSkills, type LoadSkillsOptions } from "./skills/load-skills.ts";
export type { SkillPlugin } from "./skills/find-skills.ts";
export {
  missingSkillDependencies,
  type MissingSkillServer,
  type SkillNeed,
  skillNeeds,
} from "./skills/needs.ts";
export type { Skill, SkillScope, SkillServer } from "./skills/read-skill.ts";
export { type ConfigProblemJson, formatProblem, problemToJson } from "./show/show-problem.ts";
export { projectKey } from "./layers/project-trust.ts";
export {
  parseMcpServers,
  readMcpServers,
  type ReadOptions,
  type ReadServersResult,
} from "./server/read-servers.ts";
export type { Place, PlainValue, Source, TomlEntry, TomlNode, TomlTable } from "../toml/node.ts";
export { fromPlain, lineAndColumn, nodeAt, toPlain } from "../toml/node.ts";
export { parseToml, type ParseTomlResult } from "../toml/parse.ts";
export type {
  AppToolApproval,
  McpServerAuth,
  McpServerConfig,
  McpServerDisabledReason,
  McpServerEnvVar,
  McpServerOAuthConfig,
  McpServerScope,
  McpServerStartup,
  McpServerToolConfig,
  McpServerTransportConfig,
  McpStartupReadiness,
  McpToolSurface,
  WrittenMcpServer,
} from "./server/types.ts";
export { LOCAL_ENVIRONMENT_ID } from "./server/types.ts";
