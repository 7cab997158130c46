/**
 * What a command waits for, at a terminal: a line on stderr that comes after a second, and is gone when the wait is over.
 * Elsewhere, and for short waits, there is none.
 */
import { count, printable } from "../output.ts";
import { keepStart } from "../text-width.ts";
import { shownName } from "./findings.ts";

const AFTER_MS = 1_000;
/** To the start of the line, and without what is there. */
const CLEAR = "\r\u001B[K";

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** @param servers that are waited for; whoever has it takes out those that are there */
export function showWaiting(
  servers: ReadonlySet<string>,
  options: { readonly terminal?: Terminal; readonly afterMs?: number } = {},
): Disposable {
  const { terminal = process.stderr, afterMs = AFTER_MS } = options;
  if (terminal.isTTY !== true) return { [Symbol.dispose]: () => {} };
  let isShown = false;
  const timer = setInterval(() => {
    const names = [...servers].map(shownName).join(", ");
    const line = printable(`waiting for ${count(servers.size, "server")}: ${names}`);
    terminal.write(`${CLEAR}${keepStart(line, (terminal.columns || 80) - 1)}`);
    isShown = true;
  }, afterMs);
  timer.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      if (isShown) terminal.write(CLEAR);
    },
  };
}
