/** Random texts of any characters. */
import fc from "fast-check";

const SURROGATES = 0x800;

/**
 * Every character but halves of a pair, and now and then a text that is trouble in JavaScript (`__proto__`, from `fc.string`).
 *
 * As `fc.string({ unit: "binary" })`, which makes a table of a million characters first: most of a second in every process.
 */
export function anyText(constraints: { readonly minLength?: number } = {}): fc.Arbitrary<string> {
  const character = fc
    .integer({ min: 0, max: 0x10ffff - SURROGATES })
    .map((at) => String.fromCodePoint(at < 0xd800 ? at : at + SURROGATES));
  return fc.oneof(
    { weight: 9, arbitrary: fc.array(character, constraints).map((all) => all.join("")) },
    { weight: 1, arbitrary: fc.string(constraints) },
  );
}
