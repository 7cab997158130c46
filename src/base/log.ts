/** Diagnostics go to a function that is passed in. Without one the library is silent. */

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Receives one diagnostic. `about` carries what it concerns, e.g. the id of a thread. */
export type Log = (
  level: LogLevel,
  message: string,
  about?: Readonly<Record<string, string | number>>,
) => void;

export const silentLog: Log = () => {};
