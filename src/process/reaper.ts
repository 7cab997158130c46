/**
 * Ends what this process started when it cannot do so itself: when it is killed.
 *
 * A shell waits for the end of a pipe that only this process holds. However this process ends, the kernel closes the
 * pipe; then the shell kills the process groups it was given, and every process with a tag of ours. A shell takes one
 * megabyte, a second Node would take forty.
 *
 * Invariants
 *   R1. There is at most one shell, from the first `arm` or `watch` to `dispose`; one that died is replaced at the next change.
 *   R2. When it is disposed it kills nothing: what was started has been ended by then.
 *   R3. Neither it nor its pipe keeps this process alive.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type Log, silentLog } from "../base/log.ts";
import { TAG_VARIABLE, hostMark } from "./process-tree.ts";

/** `$1` is the variable of the tag, `$2` the owner in it. The id of a group whose leader has ended may belong to another one. */
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
  # One grep for all of them: one for each would take seconds on a busy machine.
  for file in $(grep -ls "$1=[^@]*@$2" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    kill -9 "\${pid%/environ}" && found=1
  done
  # One that is becoming another program shows no environment for a moment: it takes two looks to be sure.
  [ "$found" ] || empty=$((empty + 1))
  [ "$empty" -lt 2 ] || exit 0
  sleep 0.1
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

  /** Starts the shell before any process: the tag finds even those that were not watched in time. */
  arm(): void {
    if (this.#disposed || process.platform === "win32" || this.#shell !== undefined) return;
    this.#start();
  }

  /** Kills the process group led by `pid` when this process is killed. Not on Windows, which has no groups. */
  watch(pid: number): void {
    if (this.#disposed || process.platform === "win32") return;
    this.#groups.add(pid);
    if (this.#shell === undefined) this.#start();
    else this.#tell(`+ ${pid}`);
  }

  /** Undoes `watch`: the leader has ended, and its id may soon belong to another process. */
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
      // A session of its own, so that a signal from the terminal does not end it before us.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin" },
    });
    this.#shell = shell;
    const lost = (why: string): void => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      this.#log(
        "warn",
        `The reaper ended (${why}); if this process is killed now, the processes it has started stay behind`,
      );
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
