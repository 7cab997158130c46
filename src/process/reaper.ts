/**
 * Ends what this process started when it cannot do so itself: when it is killed.
 *
 * A shell waits for the end of a pipe that only we hold. The kernel closes it whatever we die of; then the shell kills
 * the process groups it was told of, and what carries a tag of ours. A shell takes a megabyte where a second
 * Node would take forty.
 *
 * Invariants
 *   R1. There is at most one shell, from the first `arm` or `watch` to `dispose`; one that died is replaced at the next change.
 *   R2. Disposed in good order it kills nothing: whoever started something has ended it.
 *   R3. Neither it nor its pipe keeps this process alive.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type Log, silentLog } from "../base/log.ts";
import { TAG_VARIABLE, hostMark } from "./process-tree.ts";

/** `$1` is the variable of the tag, `$2` the owner in it. A group whose leader ended may have been given away again. */
const SCRIPT = `
trap '' INT HUP TERM
groups=' '
while read -r verb pid; do
  case $verb in
    +) groups="$groups$pid " ;;
    -) case $groups in *" $pid "*) groups="\${groups%%" $pid "*} \${groups#*" $pid "}" ;; esac ;;
    done) exit 0 ;;
  esac
done
for pid in $groups; do kill -9 "-$pid"; done
empty=0
for round in 1 2 3 4 5 6 7 8; do
  found=
  for file in /proc/[0-9]*/environ; do
    if grep -qs "$1=[^@]*@$2" "$file"; then
      pid=\${file#/proc/}
      kill -9 "\${pid%/environ}" && found=1
    fi
  done
  # One that is becoming another program shows no environment for a moment: it takes two looks to be sure.
  [ "$found" ] || empty=$((empty + 1))
  [ "$empty" -lt 2 ] || exit 0
  [ "$found" ] || sleep 0.1
done
`;

export class Reaper implements Disposable {
  readonly #log: Log;
  readonly #groups = new Set<number>();
  #shell: ChildProcess | undefined;
  #disposed = false;

  constructor(log: Log = silentLog) {
    this.#log = log;
  }

  /** Starts the shell, before what it shall end: a tag finds even what nobody had the time to tell of. */
  arm(): void {
    if (this.#disposed || process.platform === "win32" || this.#shell !== undefined) return;
    this.#start();
  }

  /** Has the process group led by `pid` killed when we are. Windows has neither groups nor this. */
  watch(pid: number): void {
    if (this.#disposed || process.platform === "win32") return;
    this.#groups.add(pid);
    if (this.#shell === undefined) this.#start();
    else this.#tell(`+ ${pid}`);
  }

  /** Takes that back: the leader has ended, and its number may soon be somebody else's. */
  forget(pid: number): void {
    if (this.#groups.delete(pid)) this.#tell(`- ${pid}`);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#tell("done");
    this.#shell?.stdin?.end();
    this.#shell = undefined;
  }

  #start(): void {
    const shell = spawn("/bin/sh", ["-c", SCRIPT, "switchyard-reaper", TAG_VARIABLE, hostMark()], {
      // A session of its own: what a terminal sends to us must not end it before us.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin" },
    });
    this.#shell = shell;
    const lost = (why: string): void => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      this.#log("warn", `The reaper ended (${why}); what runs is not ended if this process is killed`);
    };
    shell.once("error", (error) => lost(error.message));
    shell.once("exit", (code, signal) => lost(signal ?? `exit code ${code}`));
    shell.stdin?.on("error", () => {});
    shell.unref();
    (shell.stdin as { unref?(): void } | null)?.unref?.();
    for (const pid of this.#groups) this.#tell(`+ ${pid}`);
  }

  #tell(line: string): void {
    if (this.#shell === undefined && !this.#disposed && this.#groups.size > 0) this.#start();
    else this.#shell?.stdin?.write(`${line}\n`);
  }
}
