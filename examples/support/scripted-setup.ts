/** A scripted model and an empty folder with a Codex home, for examples that run anywhere. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CodexOptions } from "mcp-switchyard";
import { ScriptedModel } from "mcp-switchyard/testing";

export interface ScriptedSetup extends AsyncDisposable {
  readonly codexOptions: CodexOptions;
  readonly folder: string;
}

export async function scriptedSetup(): Promise<ScriptedSetup> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-example-"));
  const model = await ScriptedModel.start();
  return {
    codexOptions: { baseUrl: model.baseUrl, apiKey: "not-a-key", home: { path: join(folder, "home") } },
    folder,
    [Symbol.asyncDispose]: async () => {
      await model[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
