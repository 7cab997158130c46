/** The transcript of a scenario as rows: what was sent, received and noted, in order. */

export type Direction = "client->server" | "client->server(raw)" | "server->client" | "event";

export interface Row {
  readonly scenario: string;
  readonly conn: string;
  readonly dir: Direction;
  readonly msg: unknown;
}

/** The members of an object; none of anything else. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** A text; empty for anything else. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
