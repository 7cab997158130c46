/**
 * Files of a plugin. A plugin is somebody else's: nothing in it may lead out of its folder, and sizes are bounded.
 *
 * Invariants
 *   F1. A file counts only if it is a file in the plugin's folder once all symbolic links are followed. Codex follows
 *       links that leave it; its own installing copies none, so nothing that it installs is lost.
 *   F2. A file of more than 1 MiB is not read.
 */
import fs from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { decodeText } from "../file/text.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import { type JsonText, readJson } from "./json-text.ts";

/** Codex has no limit. */
export const PLUGIN_FILE_BYTES_MAX: number = 1024 * 1024;

export type ReadPluginFile =
  | { readonly ok: true; readonly file: string; readonly json: JsonText }
  /** It is not there, or not a file: Codex says nothing of it, either. */
  | { readonly ok: false; readonly problem?: undefined }
  | { readonly ok: false; readonly problem: ConfigProblem };

/** @param root of the plugin @param path relative to it, without `..` */
export function readPluginFile(root: string, path: string): ReadPluginFile {
  const file = join(root, path);
  let bytes: Buffer;
  try {
    const status = fs.statSync(file);
    if (!status.isFile()) return { ok: false };
    const real = fs.realpathSync(file);
    if (!isInside(real, fs.realpathSync(root))) {
      const hint = "A file of a plugin has to be in the plugin's folder; copy it there";
      return {
        ok: false,
        problem: problem(`${file} leads out of its plugin, to ${real}`, undefined, undefined, hint),
      };
    }
    if (status.size > PLUGIN_FILE_BYTES_MAX) return refused(file, "it has more than 1 MiB");
    bytes = fs.readFileSync(real);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    return ["ENOENT", "ENOTDIR"].includes(code) ? { ok: false } : refused(file, message);
  }
  const decoded = decodeText(bytes);
  if (!decoded.ok) return refused(file, `invalid utf-8 sequence (${decoded.wrong})`);
  const read = readJson(file, decoded.text);
  return read.ok ? { ok: true, file, json: read.json } : read;
}

function refused(file: string, why: string): ReadPluginFile {
  return { ok: false, problem: problem(`${file} cannot be read: ${why}`, undefined, undefined) };
}

export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/**
 * The path with the links of its existing part followed. @throws what the file system does, but for what is missing
 *
 * A link that leads nowhere is an error, too: whoever makes its target later would decide where it leads.
 */
export function resolvedPath(path: string): string {
  const missing: string[] = [];
  for (let existing = path.replaceAll(/\/+/g, "/").replace(/(?<=.)\/$/, ""); ; existing = dirname(existing)) {
    try {
      return normalize([fs.realpathSync(existing), ...missing].join(sep));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || existing === dirname(existing)) throw error;
      if (fs.lstatSync(existing, { throwIfNoEntry: false }) !== undefined) throw error;
      missing.unshift(existing.slice(existing.lastIndexOf(sep) + 1));
    }
  }
}
