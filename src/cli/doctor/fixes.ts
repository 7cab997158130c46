/**
 * Commands that mend what is wrong, fit to be pasted.
 *
 * Invariants
 *   X1. No command holds a secret: where it would, there is none.
 */
import { shellWord } from "../../base/shell-word.ts";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { Origin } from "../../config/layers/origins.ts";
import { MASK, maskArgs, maskText, maskUrl } from "../../config/show/mask-text.ts";
import type { Args } from "../args/parse.ts";
import { flagsFor } from "../mcp/target.ts";

export class Fixes {
  readonly #args: Args;

  constructor(args: Args) {
    this.#args = args;
  }

  /** `switchyard mcp VERB`, in the file that says how the server starts. @returns `null` where no command edits that */
  edit(verb: string, { name, definedIn }: EffectiveMcpServer, ...rest: readonly string[]): string | null {
    if (definedIn?.file === undefined || !EDITED.has(definedIn.layer)) return null;
    const isShown = maskArgs(rest).every((word, at) => word === rest[at] && !word.includes(MASK));
    if (!isShown || maskText(name) !== name) return null;
    // A name or value that begins with a dash would be a flag.
    const guarded = [name, ...rest].some((word) => word.startsWith("-")) ? ["--"] : [];
    const words = [name, ...rest].map(shellWord);
    return [`switchyard mcp ${verb}${this.#flags(definedIn.file)}`, ...guarded, ...words].join(" ");
  }

  /** Several keys, each by a command of its own. */
  editAll(
    verb: string,
    server: EffectiveMcpServer,
    keys: Readonly<Record<string, string | undefined>>,
  ): string | null {
    const lines = Object.entries(keys).map(([key, value]) =>
      this.edit(verb, server, key, ...(value === undefined ? [] : [value])),
    );
    return lines.includes(null) ? null : lines.join(" && ");
  }

  /** As `edit`, with a last word that is for the shell to make. */
  editWith(verb: string, server: EffectiveMcpServer, key: string, word: string): string | null {
    const line = this.edit(verb, server, key);
    return line === null ? null : `${line} ${word}`;
  }

  setUrl(server: EffectiveMcpServer, url: URL): string | null {
    return maskUrl(url.href) === url.href ? this.edit("set", server, "url", url.href) : null;
  }

  /** Lets the project's files count. */
  trust(): string {
    const cd = this.#args.one("cd");
    const codex = this.#args.has("codex") ? " --codex" : "";
    return `switchyard trust${codex}${cd === undefined ? "" : ` ${shellWord(cd)}`}`;
  }

  /** @param scopes to ask for; without any, those that the configuration or the server says */
  login({ name }: EffectiveMcpServer, scopes: readonly string[]): string | null {
    if (maskText(name) !== name) return null;
    const chosen = ["file", "profile", "cd"].flatMap((flag) => {
      const value = this.#args.one(flag);
      return value === undefined ? [] : [`--${flag}`, value];
    });
    const codex = this.#args.has("codex") ? ["--codex"] : [];
    const asked = scopes.length === 0 ? [] : ["--scopes", scopes.join(",")];
    return ["switchyard mcp login", ...[...codex, ...chosen, ...asked, name].map(shellWord)].join(" ");
  }

  /** Opens a file where it is to be changed by hand. */
  open({ layer, file, line }: Origin): string | null {
    return file === undefined || layer === "overrides" ? null : openFile(file, line);
  }

  #flags(file: string): string {
    const cd = this.#args.one("cd");
    return `${flagsFor(file, this.#args)}${cd === undefined ? "" : ` --cd ${shellWord(cd)}`}`;
  }
}

/** Files that the editor writes. */
const EDITED: ReadonlySet<string> = new Set(["user", "switchyard", "project", "project_switchyard"]);

export function openFile(file: string, line: number | undefined): string {
  return `"\${EDITOR:-vi}" ${line === undefined ? "" : `+${line} `}${shellWord(file)}`;
}
