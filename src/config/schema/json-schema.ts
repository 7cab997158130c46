/**
 * The JSON Schema (draft-07) of a configuration file, made from the tables the validator reads by.
 *
 * Stricter than the one Codex publishes: a server has one transport, and what Codex rejects is rejected. Editors use
 * it to complete and to warn, on `switchyard.toml` and on Codex's own files, so the root allows other keys.
 */
import { ENVIRONMENT, ONLY_WITH_PROGRAM, ONLY_WITH_URL } from "./environment-keys.ts";
import {
  ENV_VAR,
  type Field,
  type FieldValue,
  OAUTH,
  REFUSED,
  SERVER,
  type Struct,
  TOOL,
} from "./server-keys.ts";
import { CODEX_ROOT_KEYS, OWN_ROOT_KEYS } from "./root-keys.ts";

export interface JsonSchema {
  readonly [key: string]: unknown;
}

const NOT_BLANK = "\\S";
const EMA_AUTH: JsonSchema = { required: ["auth"], properties: { auth: { const: "ema_auth" } } };

export function configJsonSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "MCP servers of Switchyard and Codex",
    type: "object",
    properties: {
      mcp_servers: {
        description: "The MCP servers, by name.",
        type: "object",
        additionalProperties: definition(SERVER.name),
      },
      ...rootProperties(),
    },
    definitions: {
      [SERVER.name]: {
        ...object(SERVER),
        oneOf: [
          {
            title: "stdio",
            required: ["command"],
            properties: refused(REFUSED.stdio),
          },
          {
            title: "streamable HTTP",
            required: ["url"],
            properties: refused(["command", ...REFUSED.streamable_http]),
          },
        ],
        allOf: [
          implies(
            { required: ["http_headers_helper"] },
            {
              properties: { environment_id: { const: "local" }, http_headers_helper: { pattern: NOT_BLANK } },
            },
          ),
          ...["token_endpoint_auth_method", "authorization_server_issuer"].map((key) =>
            implies({ required: ["oauth"], properties: { oauth: { required: [key] } } }, EMA_AUTH),
          ),
        ],
      },
      [OAUTH.name]: {
        ...object(OAUTH),
        dependencies: {
          client_secret: {
            required: ["client_id"],
            properties: { client_secret: { pattern: NOT_BLANK }, client_id: { pattern: NOT_BLANK } },
          },
          token_endpoint_auth_method: ["client_secret"],
        },
      },
      [TOOL.name]: object(TOOL),
      [ENV_VAR.name]: { anyOf: [{ type: "string" }, { ...object(ENV_VAR), required: ["name"] }] },
    },
  };
}

/** The other keys of the root that are about MCP, or ours. */
function rootProperties(): JsonSchema {
  const codex = [...CODEX_ROOT_KEYS].filter(([key]) => key.startsWith("mcp_"));
  const all = [...codex, ...OWN_ROOT_KEYS].map(([key, value]) => [key, valueSchema(value)] as const);
  return { ...Object.fromEntries(all), environments: environmentsSchema() };
}

/** A table may name neither `url` nor `program`: it adds to the environment of a lower layer. */
function environmentsSchema(): JsonSchema {
  return {
    description:
      "Where servers can run besides this machine, by the id that environment_id names. Only in switchyard.toml.",
    type: "object",
    propertyNames: { pattern: "^(?!(?:local|[Nn][Oo][Nn][Ee])$)[A-Za-z0-9_-]{1,64}$" },
    additionalProperties: {
      ...object(ENVIRONMENT),
      dependencies: {
        url: { properties: refused(["program", ...ONLY_WITH_PROGRAM]) },
        program: { properties: refused(ONLY_WITH_URL) },
      },
    },
  };
}

function object(struct: Struct): JsonSchema {
  const needed = struct.fields.filter((field) => field.needed === "always").map(({ name }) => name);
  return {
    type: "object",
    additionalProperties: false,
    ...(needed.length === 0 ? {} : { required: needed }),
    properties: Object.fromEntries(struct.fields.map((field) => [field.name, property(field)])),
  };
}

function property({ about, transport, value, default: usual }: Field): JsonSchema {
  return {
    description: about,
    ...(transport === "none" ? { not: {} } : valueSchema(value)),
    ...(usual === undefined ? {} : { default: usual }),
  };
}

function valueSchema(value: FieldValue): JsonSchema {
  switch (value.type) {
    case "string":
      return { type: "string" };
    case "strings":
      return { type: "array", items: { type: "string" } };
    case "string_map":
      return { type: "object", additionalProperties: { type: "string" } };
    case "boolean":
      return { type: "boolean" };
    case "seconds":
      return { type: "number", minimum: 0, exclusiveMaximum: 2 ** 64 };
    case "integer":
      return {
        type: "integer",
        minimum: Number(value.min),
        ...(value.max === undefined ? {} : { maximum: Number(value.max) }),
      };
    case "enum":
      return { type: "string", enum: value.variants };
    case "enums":
      return { type: "array", items: { type: "string", enum: value.variants } };
    case "env_vars":
      return { type: "array", items: definition(ENV_VAR.name) };
    case "struct":
      return structSchema(value.struct);
    case "structs":
      return { type: "object", additionalProperties: structSchema(value.struct) };
  }
}

/** A struct of a server by name; one of the root, which is used once, in place. */
function structSchema(struct: Struct): JsonSchema {
  return struct === OAUTH || struct === TOOL ? definition(struct.name) : object(struct);
}

/** draft-07 ignores everything beside `$ref`, and a property has its description there. */
function definition(name: string): JsonSchema {
  return { allOf: [{ $ref: `#/definitions/${name}` }] };
}

/** Not with `if` and `then`: an object with a `then` is taken for a promise. */
function implies(condition: JsonSchema, consequence: JsonSchema): JsonSchema {
  return { anyOf: [{ not: condition }, consequence] };
}

function refused(keys: readonly string[]): JsonSchema {
  return Object.fromEntries(keys.map((key) => [key, false]));
}
