/** Opens a page in the person's browser. */
import { spawn } from "node:child_process";
import { once } from "node:events";

type Env = Readonly<Record<string, string | undefined>>;

/** What opens a page, by platform. */
const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
  linux: ["xdg-open"],
};

/**
 * With the program that `BROWSER` names, or the platform's. Where there is no screen, a browser would take over the terminal: none is
 * opened.
 *
 * @returns whether a program was started that should do it
 */
export async function openBrowser(url: string, env: Env): Promise<boolean> {
  const named = env["BROWSER"] ?? "";
  const hasScreen = process.platform !== "linux" || Boolean(env["DISPLAY"] || env["WAYLAND_DISPLAY"]);
  const opener = OPENERS[process.platform];
  const words =
    named !== ""
      ? // Words, and no more of a shell: a browser with its options.
        ["sh", "-c", 'set -f; exec $BROWSER "$0"']
      : hasScreen
        ? opener
        : undefined;
  const [program, ...args] = words ?? [];
  if (program === undefined) return false;
  const child = spawn(program, [...args, url], { env, stdio: "ignore", detached: true });
  child.unref();
  return await once(child, "spawn").then(
    () => true,
    () => false,
  );
}
