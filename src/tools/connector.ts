/**
 * The connectors of ChatGPT's apps server: each is an app that a user has connected there, with tools of its own. Codex offers them by
 * connector and not by server. Codex 0.171, measured.
 */

/** The app that a tool of the apps server is of. */
export interface ToolConnector {
  /** Without one, models are not offered the tool. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly description: string | undefined;
}

/** What the tool itself says in its `_meta`. */
export function connectorOf({ _meta: meta }: { readonly _meta?: object | undefined }): ToolConnector {
  const of: Readonly<Record<string, unknown>> = { ...meta };
  const text = (...keys: readonly string[]): string | undefined =>
    keys
      .map((key) => of[key])
      .map((value) => (typeof value === "string" ? value.trim() : ""))
      .find((value) => value !== "");
  return {
    id: text("connector_id"),
    name: text("connector_name", "connector_display_name"),
    description: text("connector_description", "connectorDescription"),
  };
}

/** What its tools are offered under: the namespace before it is cleaned. */
export function connectorNamespace(server: string, { name }: ToolConnector): string {
  return name === undefined ? server : `${server}__${slug(name)}`;
}

/** A tool's name within its connector, which need not be named again. */
export function nameInConnector(declared: string, { id, name }: ToolConnector): string {
  const own = slug(declared);
  const prefix = [name, id].find(
    (each) => each !== undefined && own.length > slug(each).length && own.startsWith(slug(each)),
  );
  return prefix === undefined ? own : own.slice(slug(prefix).length);
}

/** What a model is told of the namespace; `undefined` where the connector says nothing of itself. */
export function connectorText({ name, description }: ToolConnector): string | undefined {
  return description ?? (name === undefined ? undefined : `Tools for working with ${name}.`);
}

function slug(text: string): string {
  const dashed = text
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/[^a-z0-9]/gu, "-")
    .replace(/^-+|-+$/g, "");
  return dashed === "" ? "app" : dashed.replaceAll("-", "_");
}
