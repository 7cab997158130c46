import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { hostsText, notesOf } from "./ps.ts";
import type { HostView, Survey } from "./survey.ts";

const nothing: Survey = { hosts: [], processes_known: true, stale_files: [], unreadable_files: [] };

const host: HostView = {
  pid: 7,
  state: "alive",
  program: "switchyard run",
  published: true,
  switchyard: "1.0.0",
  threads: 1,
  age_seconds: 7_300,
  memory_bytes: null,
  connections: [],
  omitted: 3,
  other_processes: [],
};

suite("hostsText", () => {
  test("says in one line that there is nothing", () => {
    assert.equal(hostsText(nothing), "No Switchyard host runs on this machine.");
    assert.deepEqual(notesOf(nothing), []);
  });

  test("shows a host without servers, and what is left out", () => {
    const text = hostsText({ ...nothing, hosts: [host] });
    assert.match(text, /\n7 switchyard run .* alive +- +2 h\n/);
    assert.match(text, /… and 3 more/);
  });

  test("shows an idle connection, a failed one, and the origin of one over HTTP", () => {
    const connection = {
      server: "docs",
      environment: "box",
      transport: "streamable_http" as const,
      origin: "https://example.com",
      state: "failed",
      reason: "unreachable",
      shared: true,
      age_seconds: 5,
      leases: [],
      lease_count: 0,
      pid: null,
      memory_bytes: null,
      processes: [],
    };
    const text = hostsText({ ...nothing, hosts: [{ ...host, connections: [connection] }] });
    assert.match(text, /\(idle\) +docs +box +failed \(unreachable\) +0 +https:\/\/example\.com +- +5 s\n/);
  });

  test("does not let a name control the terminal", () => {
    const text = hostsText({ ...nothing, hosts: [{ ...host, program: "a\u001b[2Jb" }] });
    assert.ok(text.includes("a\\u001b[2Jb"));
  });
});

suite("notesOf", () => {
  test("says how to end what was left behind", () => {
    const process = { pid: 9, parent: 1, program: "node", memory_bytes: 1, age_seconds: 1 };
    const dead = { ...host, state: "dead" as const, other_processes: [process] };
    const [note] = notesOf({ ...nothing, hosts: [dead], stale_files: ["/x"] });
    assert.equal(note, "1 process was left behind by hosts that died. To end them: switchyard reap");
  });

  test("says what this system cannot tell", () => {
    const [note] = notesOf({ ...nothing, processes_known: false });
    assert.match(note ?? "", /^This system does not tell which processes belong to a host\./);
  });

  test("names files that are stale or not a host's", () => {
    const unreadable = [{ path: "/run/x.json", reason: "it is not JSON" }];
    assert.deepEqual(notesOf({ ...nothing, stale_files: ["/a", "/b"], unreadable_files: unreadable }), [
      "2 files of hosts that died can be removed: switchyard reap",
      "note: /run/x.json is ignored: it is not JSON",
    ]);
  });
});
