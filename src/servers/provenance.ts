/** Which servers come from a plugin, for layers that know no configuration. */
export type { PluginAttribution, ToolPluginProvenance } from "../config/plugins/types.ts";
