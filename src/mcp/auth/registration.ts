/**
 * Which client a login is made as: one that the configuration names, one that a document describes (CIMD), or one that is
 * registered for this login (DCR), in this order, as the revision 2026-07-28 says.
 */
import type { AuthorizationServerMetadata, OAuthClientInformationMixed } from "@modelcontextprotocol/client";
import { messageOf } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { toLogLine } from "../../base/log-line.ts";
import type { McpServerOAuthConfig } from "../../config/server/types.ts";
import { isLoopback, shown } from "./discovery.ts";
import { LoginError } from "./login-error.ts";
import { type OAuthHttp, oauthFetch } from "./oauth-fetch.ts";

/** How a host presents itself to authorization servers. */
export interface LoginClient {
  /** What a person reads when asked for consent. @default "Switchyard" */
  readonly name?: string;
  /** The https URL of the host's client metadata document. @default the host has none */
  readonly metadataUrl?: string;
}

/** `auto`: what fits first. `cimd`, `dcr`: that one, or no login. */
export type ClientRegistration = "auto" | "cimd" | "dcr";

export interface ClientOptions {
  /** For messages. */
  readonly server: string;
  readonly configured: McpServerOAuthConfig | undefined;
  readonly metadata: AuthorizationServerMetadata;
  readonly redirectUrl: string;
  readonly scopes: readonly string[];
  readonly client: LoginClient;
  readonly registration: ClientRegistration;
  readonly http: OAuthHttp;
}

/**
 * @throws {LoginError} `cannot_register`, `registration_rejected`, `unreachable`
 * @throws the signal's reason
 */
export async function chooseClient(options: ClientOptions): Promise<OAuthClientInformationMixed> {
  const { server, configured, metadata, client, registration } = options;
  const { client_id, client_secret } = configured ?? {};
  if (client_id !== undefined && registration === "auto")
    return { client_id, ...(client_secret === undefined ? {} : { client_secret }) };
  const takesDocuments =
    metadata.client_id_metadata_document_supported === true && takesPublicClients(metadata);
  if (registration !== "dcr" && takesDocuments && client.metadataUrl !== undefined)
    return { client_id: client.metadataUrl };
  if (registration !== "cimd" && metadata.registration_endpoint !== undefined) return register(options);
  const subject = `MCP server "${server}": its authorization server ${shown(metadata.issuer)}`;
  const help = "Register a client there, and write its id as oauth.client_id of the server";
  const what =
    registration === "cimd"
      ? client.metadataUrl === undefined
        ? "would be shown a client metadata document, but this host has none"
        : "does not take client metadata documents"
      : takesDocuments
        ? "takes clients by their metadata document only, and this host has none"
        : "does not register clients (no registration_endpoint)";
  throw new LoginError("cannot_register", server, `${subject} ${what}. ${help}`);
}

/** Not by the SDK's function, which is deprecated with the mechanism; servers without anything newer are many. */
async function register(options: ClientOptions): Promise<OAuthClientInformationMixed> {
  const { server, metadata, redirectUrl, scopes, client, http } = options;
  const subject = `MCP server "${server}": its authorization server ${shown(metadata.issuer)}`;
  const body = {
    client_name: client.name ?? "Switchyard",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: authMethodFor(metadata),
    application_type: isLoopback(new URL(redirectUrl).hostname) ? "native" : "web",
    ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
  };
  let answer: Response;
  try {
    answer = await oauthFetch(http)(metadata.registration_endpoint ?? "", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch (error) {
    http.signal.throwIfAborted();
    const what = `${subject} did not register a client: ${messageOf(error)}`;
    throw new LoginError("unreachable", server, what, { cause: error });
  }
  const said = parsed(await answer.text());
  const client_id = said["client_id"];
  if (answer.ok && typeof client_id === "string" && client_id !== "") {
    const client_secret = textAt(said, "client_secret");
    const method = textAt(said, "token_endpoint_auth_method");
    return {
      client_id,
      ...(client_secret === undefined ? {} : { client_secret }),
      ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
    };
  }
  const words = [textAt(said, "error"), textAt(said, "error_description")].filter(
    (word) => word !== undefined,
  );
  const why = words.map((word) => `, ${toLogLine(word, undefined, 200)}`).join("");
  throw new LoginError(
    "registration_rejected",
    server,
    `${subject} rejected the registration (${answer.status}${why})`,
  );
}

function takesPublicClients({
  token_endpoint_auth_methods_supported: methods,
}: AuthorizationServerMetadata): boolean {
  return methods === undefined || methods.includes("none");
}

/** The least that the authorization server takes: a secret that is handed out freely protects nothing (as Codex). */
function authMethodFor(metadata: AuthorizationServerMetadata): string {
  if (takesPublicClients(metadata)) return "none";
  const methods = metadata.token_endpoint_auth_methods_supported ?? [];
  return methods.includes("client_secret_basic") ? "client_secret_basic" : "client_secret_post";
}

/** What is no object, as a page for people, says nothing. */
function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function textAt(from: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = from[key];
  return typeof value === "string" ? value : undefined;
}
