/** `crashing-editor.ts FILE NAME STEP`: adds a server to the file, and is killed right before call STEP. */
import { ConfigEditor } from "../../../src/config/edit/config-editor.ts";
import { steppedFileSystem } from "./stepped-file-system.ts";

const [file = "", name = "", step = ""] = process.argv.slice(2);
const fs = steppedFileSystem((at) => {
  if (at === Number(step)) process.kill(process.pid, "SIGKILL");
});
await new ConfigEditor(file, { fs }).add(name, { command: "x" }).apply();
