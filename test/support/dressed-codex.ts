/** The real Codex under the name of another version. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCodex } from "../../src/codex/app-server/binary.ts";

/**
 * Writes an executable that calls itself `version`, and whose schema has lost `without`. In every other way it is Codex.
 *
 * @returns its path
 */
export function dressedCodex(folder: string, version: string, without?: string): string {
  const path = join(folder, `codex-${version}`);
  const real = findCodex(undefined, process.env).path;
  const schema = `"$5/codex_app_server_protocol.schemas.json"`;
  const lose = `"${real}" "$@" && sed 's|"${without}"|"lost"|g' ${schema} > "$5/lost" && mv "$5/lost" ${schema}; exit`;
  const text = [
    "#!/bin/sh",
    `[ "$1" = --version ] && echo "codex-cli ${version}" && exit`,
    ...(without === undefined ? [] : [`[ "$2" = generate-json-schema ] && { ${lose}; }`]),
    `exec "${real}" "$@"`,
  ];
  writeFileSync(path, `${text.join("\n")}\n`);
  chmodSync(path, 0o755);
  return path;
}
