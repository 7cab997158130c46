/**
 * Which token an environment has when several layers write one, and what is wrong with it.
 *
 * Invariants
 *   T1. A token is for the URL it was written for: a layer that changes the URL has to write the token again.
 */
import type { ConfigLayer } from "../layers/layers.ts";
import { type ConfigProblem, problem, formatPlace } from "../problem.ts";
import type { TomlEntry, TomlNode } from "../../toml/node.ts";

/** An environment in one layer. */
export interface LayerEntry {
  readonly layer: ConfigLayer;
  readonly entry: TomlEntry;
}

const [TOKEN, TOKEN_VARIABLE] = ["auth_bearer_token", "auth_bearer_token_env_var"] as const;

interface Token {
  /** The key that counts, and the one that does not: of two tokens the higher one, in one layer the variable. */
  readonly key: string;
  readonly dropped: string;
  /** The layer it is written in; -1 where there is no token. */
  readonly at: number;
}

/** @param layers low to high */
export function tokenOf(layers: readonly LayerEntry[]): Token {
  const [variable, literal] = [TOKEN_VARIABLE, TOKEN].map((key) =>
    layers.findLastIndex((each) => entryIn(each, key) !== undefined),
  ) as [number, number];
  return literal > variable
    ? { key: TOKEN, dropped: TOKEN_VARIABLE, at: literal }
    : { key: TOKEN_VARIABLE, dropped: TOKEN, at: variable };
}

/** T1. The same URL once more is no change. */
export function checkTokenUrl(id: string, layers: readonly LayerEntry[]): ConfigProblem[] {
  const { key, at } = tokenOf(layers);
  const urlIn = (among: readonly LayerEntry[]): TomlEntry | undefined =>
    among.flatMap((each) => entryIn(each, "url") ?? []).at(-1);
  const [meant, used] = [urlIn(layers.slice(0, at + 1)), urlIn(layers)];
  if (at === -1 || used === undefined || meant === used || sameText(meant?.value, used.value)) return [];
  const token = layers.flatMap((each) => entryIn(each, key) ?? []).at(-1)?.keyPlace;
  const there = token === undefined ? "a lower layer" : formatPlace(token);
  const hint = `${key} is in ${there}: write ${TOKEN_VARIABLE} beside this url, too`;
  const message = `environment \`${id}\` has the token of another url`;
  return [problem(message, ["environments", id], used.keyPlace, hint)];
}

/** A warning where our own file holds the token itself. Codex's file allows nothing else. */
export function checkTokenInFile(id: string, layers: readonly LayerEntry[]): ConfigProblem[] {
  return layers.flatMap((each): ConfigProblem[] => {
    const entry = each.layer.own ? entryIn(each, TOKEN) : undefined;
    if (entry === undefined) return [];
    const message = `the token of environment \`${id}\` is in a file`;
    const hint = 'Put it in an environment variable and set auth_bearer_token_env_var = "NAME"';
    return [problem(message, ["environments", id, TOKEN], entry.keyPlace, hint)];
  });
}

function entryIn({ entry: { value } }: LayerEntry, key: string): TomlEntry | undefined {
  return value.kind === "table" ? value.entries.get(key) : undefined;
}

function sameText(a: TomlNode | undefined, b: TomlNode): boolean {
  return a?.kind === "string" && b.kind === "string" && a.value === b.value;
}
