/** Random `mcp_servers` tables: mostly near to what is valid, with every kind of value in every place. */
import fc from "fast-check";
import { type FieldValue, REFUSED, SERVER } from "../../../src/config/schema/server-keys.ts";
import type { TomlEntry, TomlNode, TomlTable } from "../../../src/toml/node.ts";

const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("", " ", "x", "a b", "local", "auto", "oauth", "TOKEN") },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 6 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a"b\\c', "\t\n\r\u0000\u001b", "e\u0301\u00a0\u200b", "\u{1f600}"),
  },
);
const stringNode = text.map((value): TomlNode => ({ kind: "string", value }));
const integerNode = fc
  .oneof(
    fc.bigInt({ min: -2n, max: 70_000n }),
    fc.constantFrom(0n, 1n, 65_535n, 65_536n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)),
  )
  .map((value): TomlNode => ({ kind: "integer", value }));
const floatNode = fc
  .oneof(
    fc.constantFrom(
      0,
      -0,
      0.5,
      80,
      2.5e-9,
      1.5e-9,
      5e-10,
      1e-300,
      1e19,
      2 ** 64,
      -1,
      NaN,
      Infinity,
      -Infinity,
    ),
    fc.double({ min: 0, max: 1e4 }),
    fc.double(),
  )
  .map((value): TomlNode => ({ kind: "float", value }));
const booleanNode = fc.boolean().map((value): TomlNode => ({ kind: "boolean", value }));
const datetimeNode = fc
  .constantFrom("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z")
  .map((value): TomlNode => ({ kind: "datetime", value }));
const scalar = fc.oneof(stringNode, integerNode, floatNode, booleanNode, datetimeNode);
const key = fc.oneof(fc.constantFrom("a", "A_B", "", "x.y", "`", "__proto__"), text);

export function table(entries: readonly (readonly [string, TomlNode])[]): TomlTable {
  return {
    kind: "table",
    entries: new Map(entries.map(([name, value]): [string, TomlEntry] => [name, { value }])),
  };
}

function tableOf(value: fc.Arbitrary<TomlNode>): fc.Arbitrary<TomlNode> {
  return fc.array(fc.tuple(key, value), { maxLength: 3 }).map(table);
}

function arrayOf(item: fc.Arbitrary<TomlNode>): fc.Arbitrary<TomlNode> {
  return fc.array(item, { maxLength: 3 }).map((items): TomlNode => ({ kind: "array", items }));
}

const anything = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: arrayOf(scalar) },
  { weight: 1, arbitrary: tableOf(scalar) },
);

/** Nearly always of the right type; `seldom` is what comes instead. */
function mostly(
  right: fc.Arbitrary<TomlNode>,
  seldom: fc.Arbitrary<TomlNode> = anything,
): fc.Arbitrary<TomlNode> {
  return fc.oneof({ weight: 14, arbitrary: right }, { weight: 1, arbitrary: seldom });
}

function enumNode(variants: readonly string[]): fc.Arbitrary<TomlNode> {
  const name = fc.constantFrom(...variants);
  return fc.oneof(
    { weight: 8, arbitrary: name.map((value): TomlNode => ({ kind: "string", value })) },
    {
      weight: 1,
      arbitrary: fc.tuple(name, fc.oneof(fc.constant(table([])), anything)).map((entry) => table([entry])),
    },
  );
}

const positiveInteger = fc
  .bigInt({ min: 1n, max: 70_000n })
  .map((value): TomlNode => ({ kind: "integer", value }));

function fitting(value: FieldValue): fc.Arbitrary<TomlNode> {
  switch (value.type) {
    case "string":
      return fc.oneof({ weight: 9, arbitrary: stringNode }, { weight: 1, arbitrary: datetimeNode });
    case "strings":
      return arrayOf(mostly(stringNode));
    case "string_map":
      return tableOf(mostly(stringNode));
    case "boolean":
      return booleanNode;
    case "seconds":
      return fc.oneof(positiveInteger, floatNode);
    case "integer":
      return fc.oneof({ weight: 3, arbitrary: positiveInteger }, { weight: 1, arbitrary: integerNode });
    case "enum":
      return enumNode(value.variants);
    case "enums":
      return arrayOf(mostly(enumNode(value.variants)));
    case "env_vars":
      return arrayOf(fc.oneof(stringNode, mostly(envVar)));
    case "struct":
      return structNode(value.struct.fields);
    case "structs":
      return tableOf(mostly(structNode(value.struct.fields)));
  }
}

const envVar = fc
  .tuple(stringNode, fc.option(mostly(enumNode(["local", "remote"]))), fc.option(anything, { freq: 20 }))
  .map(([name, source, more]) =>
    table([
      ["name", name],
      ...(source === null ? [] : [["source", source] as const]),
      ...(more === null ? [] : [["more", more] as const]),
    ]),
  );

function structNode(fields: readonly { name: string; value: FieldValue }[]): fc.Arbitrary<TomlNode> {
  const byName = subset(fields);
  const byPosition = fc
    .tuple(...fields.map(({ value }) => mostly(fitting(value))), anything)
    .chain((items) =>
      fc.nat(items.length).map((length): TomlNode => ({ kind: "array", items: items.slice(0, length) })),
    );
  return fc.oneof({ weight: 9, arbitrary: byName }, { weight: 1, arbitrary: byPosition });
}

function subset(
  fields: readonly { name: string; value: FieldValue }[],
  max: number = fields.length,
): fc.Arbitrary<TomlTable> {
  return fc
    .shuffledSubarray([...fields], { maxLength: Math.min(max, fields.length) })
    .chain((chosen) =>
      fc.tuple(...chosen.map(({ name, value }) => fc.tuple(fc.constant(name), mostly(fitting(value))))),
    )
    .map(table);
}

const FIELDS: readonly { name: string; value: FieldValue }[] = [
  ...SERVER.fields.filter((field) => field.own !== true),
  { name: "unheard_of", value: { type: "string" } },
];

function withTransport(name: "command" | "url", refused: readonly string[]): fc.Arbitrary<TomlNode> {
  const fields = FIELDS.filter((field) => field.name !== name && !refused.includes(field.name));
  return fc.tuple(stringNode, subset(fields, 12), fc.boolean()).map(([value, rest, first]) => {
    const others = [...rest.entries].map(([key, entry]) => [key, entry.value] as const);
    return table(first ? [[name, value], ...others] : [...others, [name, value]]);
  });
}

const server = fc.oneof(
  { weight: 6, arbitrary: withTransport("command", [...REFUSED.stdio, "http_headers_helper"]) },
  { weight: 6, arbitrary: withTransport("url", ["command", ...REFUSED.streamable_http]) },
  { weight: 3, arbitrary: subset(FIELDS, 8) },
  { weight: 1, arbitrary: anything },
  { weight: 1, arbitrary: structNode(SERVER.fields.filter((field) => field.own !== true)) },
);

/** The value of `mcp_servers`. */
export const randomServers: fc.Arbitrary<TomlNode> = mostly(
  fc.array(fc.tuple(key, server), { minLength: 1, maxLength: 3 }).map(table),
  fc.oneof({ weight: 1, arbitrary: anything }, { weight: 9, arbitrary: tableOf(server) }),
);
