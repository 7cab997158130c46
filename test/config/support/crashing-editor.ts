/** `crashing-editor.ts TARGET TEXT STEP`: replaces the target's text, and is killed right before call STEP. */
import { edit } from "./edit.ts";
import { steppedFileSystem } from "./stepped-file-system.ts";

const [target = "", text = "", step = ""] = process.argv.slice(2);
const fs = steppedFileSystem((at) => {
  if (at === Number(step)) process.kill(process.pid, "SIGKILL");
});
await edit(target, () => text, { fs });
