/** "Always" for a tool, written where its server is: `tools.<tool>.approval_mode = "approve"`, and no other byte. */
import { ConfigEditor, type ConfigEditorOptions } from "../../config/index.ts";

/**
 * @param file the configuration file that has the server
 * @returns the `remember` of `Approvals`; it rejects with a `ConfigError` where the server is not in the file
 */
export function rememberIn(
  file: string,
  options: ConfigEditorOptions = {},
): (server: string, tool: string) => Promise<void> {
  return async (server, tool) => {
    await new ConfigEditor(file, options).approve(server, tool, "approve").apply();
  };
}
