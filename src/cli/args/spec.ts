/** What a command takes, as data: the parser, the help and the documentation read the same table. */

/** What the shell can complete, where `choices` does not say it. A FILE or DIR is completed as such. */
export type Completes = "server" | "tool" | "argument" | "environment" | "key" | "value";

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** What its value is called in the help; absent for a switch. */
  readonly value?: string;
  /** Every use counts, not only one. */
  readonly many?: true;
  /** The values it takes; any other is rejected. */
  readonly choices?: readonly string[];
  /** The value that counts when the flag is not given. */
  readonly default?: string;
  readonly completes?: Completes;
  readonly about: string;
}

export interface Operand {
  /** As the help writes it: `NAME`. */
  readonly name: string;
  readonly about?: string;
  readonly optional?: true;
  /** It takes all that follows. */
  readonly many?: true;
  readonly completes?: Completes;
}

export interface CommandSpec {
  /** The required ones first. */
  readonly operands?: readonly Operand[];
  readonly flags?: readonly Flag[];
  /** From this operand on all words are taken as they stand, flags too: they belong to another program. */
  readonly verbatimFrom?: number;
  /** Such an operand is no program, and options may follow it. */
  readonly verbatimUnless?: RegExp;
  /** A flag that is given again replaces the earlier value: hosts append to a fixed command line. */
  readonly overridable?: true;
  /** The operands of the usage line, where the list above does not say enough. */
  readonly usage?: string;
  /** The paragraph below the usage; without it, `about` is. */
  readonly description?: string;
  /** What the help says below the flags: notes, examples. Lines that begin with a blank are not wrapped. */
  readonly notes?: string;
  /** A table below the notes. */
  readonly table?: {
    readonly title: string;
    readonly rows: readonly (readonly [left: string, right: string])[];
  };
}

/** A command with its place in the table. */
export interface NamedSpec extends CommandSpec {
  /** As it is typed after `switchyard`: `mcp add`. */
  readonly name: string;
  readonly about: string;
}

export const HELP_FLAG: Flag = { name: "help", short: "h", about: "show this help" };
export const VERSION_FLAG: Flag = { name: "version", short: "V", about: "print the version" };

/** With these, a failure is printed as JSON too. */
export const JSON_FLAG: Flag = { name: "json", about: "print JSON" };
export const SECRETS_FLAG: Flag = { name: "show-secrets", about: "mask nothing" };

/** `NAME KEY [VALUE…]`. */
export function operandsText({ usage, operands = [] }: CommandSpec): string {
  if (usage !== undefined) return usage;
  return operands
    .map(({ name, optional, many }) => `${name}${many ? "…" : ""}`.replace(/.+/, optional ? "[$&]" : "$&"))
    .join(" ");
}

/** `switchyard mcp get [options] NAME`. */
export function usageText(spec: NamedSpec): string {
  return `switchyard ${spec.name} [options] ${operandsText(spec)}`.trimEnd();
}
