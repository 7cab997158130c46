/** What the modules of commands export, and the table that names them. */
import type { Args } from "./args/parse.ts";
import type { CommandSpec } from "./args/spec.ts";
import type { Stop } from "./signals.ts";

export interface Command extends CommandSpec {
  /** @returns the exit code */
  readonly run: (args: Args, stop: Stop) => number | Promise<number>;
}

export interface CommandEntry {
  /** One line of help. */
  readonly about: string;
  /** Loads the module of the command, and no other. */
  readonly load: () => Promise<Command>;
}

export interface CommandGroup {
  readonly about: string;
  readonly commands: Readonly<Record<string, CommandEntry | CommandGroup>>;
  /** Other names of them. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** What other tools call these commands, for the hint. */
  readonly synonyms?: Readonly<Record<string, string>>;
}
