/**
 * Which of many cases a run tries: a share that rotates with a seed, or all of them.
 *
 * The seed is SWITCHYARD_SEED, or random; it is printed, and setting it tries the same cases again.
 * SWITCHYARD_EXHAUSTIVE=1 (`npm test -- exhaustive`) takes every case.
 */
import { randomInt } from "node:crypto";

export const exhaustive: boolean = process.env["SWITCHYARD_EXHAUSTIVE"] === "1";

const given = process.env["SWITCHYARD_SEED"];
export const seed: number = given === undefined ? randomInt(1_000_000) : Number(given);
if (!Number.isSafeInteger(seed) || seed < 0)
  throw new Error(`SWITCHYARD_SEED must be a whole number, not ${JSON.stringify(given)}`);

if (!exhaustive) console.log(`sampled with SWITCHYARD_SEED=${seed}`);

/**
 * Every `oneIn`th of the cases, from an offset that the seed decides, in their order.
 *
 * @param shift makes samples of the same cases differ
 */
export function sample<T>(cases: Iterable<T>, oneIn: number, shift = 0): T[] {
  return [...cases].filter((_, index) => exhaustive || (index + seed + shift) % oneIn === 0);
}

/** How many random cases to try: SWITCHYARD_RUNS, or else this many. */
export function runs(usually: number, whenExhaustive: number = usually * 10): number {
  return Number(process.env["SWITCHYARD_RUNS"] ?? (exhaustive ? whenExhaustive : usually));
}
