import { OWN_VARIABLE, codexSubject, localSubject, ownSubject } from "./support/subjects.ts";
import { testExecutor } from "./support/compliance.ts";

const ours = { endsGently: true, sweepsEscaped: true, ownVariable: OWN_VARIABLE };
const original = { endsGently: false, sweepsEscaped: false, ownVariable: OWN_VARIABLE };

testExecutor("LocalExecutor", ours, localSubject);
testExecutor("RemoteExecutor to our server", ours, ownSubject);
testExecutor("RemoteExecutor to codex exec-server", original, () => codexSubject());
testExecutor("RemoteExecutor to codex exec-server with concurrent requests", original, () =>
  codexSubject(["--concurrent-requests", "8"]),
);
