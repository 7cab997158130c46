/** The version of the Codex that the tests run on: rules that name one hold with no other. */
import { silentLog } from "../../src/base/log.ts";
import { checkCodexVersion, findCodex } from "../../src/codex/app-server/binary.ts";

const version = await checkCodexVersion(findCodex(undefined, process.env), silentLog);

/** @param minor as in `0.169` */
export function isCodex(minor: string): boolean {
  return version.startsWith(`${minor}.`);
}
