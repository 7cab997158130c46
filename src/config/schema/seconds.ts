/** Seconds as Codex keeps them: whole nanoseconds, of Rust's `Duration` (measured with Codex 0.169). */

export type Seconds =
  | { readonly ok: true; readonly seconds: number }
  /** `problem` is Codex's own sentence. */
  | { readonly ok: false; readonly problem: string };

const CANNOT = "cannot convert float seconds to Duration";
const NANOS_PER_SECOND = 1_000_000_000n;
/** Bits of a double behind the first. */
const FRACTION_BITS = 52n;

export function secondsFromNumber(value: number): Seconds {
  if (value < 0) return { ok: false, problem: `${CANNOT}: value is negative` };
  // The comparison is also false for NaN.
  if (!(value < 2 ** 64)) return { ok: false, problem: `${CANNOT}: value is either too big or NaN` };
  // A nanosecond is 2^-9 of 5^-9 seconds: what is whole in 512ths is so in nanoseconds. Nearly every time-out is.
  const isWhole = Number.isInteger(value * 512);
  return { ok: true, seconds: isWhole ? Math.abs(value) : fromNanos(wholeNanos(value)) };
}

export function secondsFromMilliseconds(value: bigint): number {
  return fromNanos(value * 1_000_000n);
}

/** As Rust's `as_secs_f64`: the two parts are rounded one by one. */
function fromNanos(nanos: bigint): number {
  return Number(nanos / NANOS_PER_SECOND) + Number(nanos % NANOS_PER_SECOND) / 1e9;
}

/** The nearest whole number of nanoseconds, exactly; of two equally near ones the even. */
function wholeNanos(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = raw >> FRACTION_BITS;
  const fraction = raw & ((1n << FRACTION_BITS) - 1n);
  // Subnormal numbers have no hidden bit, and the exponent of the smallest normal ones.
  const mantissa = biased === 0n ? fraction : fraction | (1n << FRACTION_BITS);
  const exponent = (biased === 0n ? 1n : biased) - 1023n - FRACTION_BITS;
  const scaled = mantissa * NANOS_PER_SECOND;
  if (exponent >= 0n) return scaled << exponent;
  const whole = scaled >> -exponent;
  const rest = scaled - (whole << -exponent);
  const half = 1n << (-exponent - 1n);
  return rest > half || (rest === half && whole % 2n === 1n) ? whole + 1n : whole;
}
