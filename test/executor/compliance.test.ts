import { sample } from "../support/sample.ts";
import { OWN_VARIABLE, codexSubject, localSubject, ownSubject } from "./support/subjects.ts";
import { testExecutor } from "./support/compliance.ts";

const ours = { endsGently: true, sweepsEscaped: true, ownVariable: OWN_VARIABLE };
const original = { endsGently: false, sweepsEscaped: false, ownVariable: OWN_VARIABLE };

testExecutor("LocalExecutor", ours, localSubject);
testExecutor("RemoteExecutor to our server", ours, ownSubject);
for (const args of sample([[], ["--concurrent-requests", "8"]], 2)) {
  const name = ["RemoteExecutor to codex exec-server", ...args].join(" ");
  testExecutor(name, original, () => codexSubject(args));
}
