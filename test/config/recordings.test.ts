/** The recordings are what the installed Codex answers now: a sample of them, made anew. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { sample } from "../support/sample.ts";
import {
  canReplaceEtc,
  needsEtc,
  readRecordings,
  RECORDING_FILES,
  Recorder,
  type RecordedLayers,
} from "./support/recorder.ts";

suite("recorded anew, a line is the same", { timeout: 170_000 }, async () => {
  const etc = await canReplaceEtc();
  let recorder: Recorder;
  before(async () => void (recorder = await Recorder.start()));
  after(() => recorder[Symbol.asyncDispose]());

  for (const file of RECORDING_FILES) {
    const lines = readRecordings(file).filter(
      (line) => etc || file !== "config-layers.jsonl" || !needsEtc(line as RecordedLayers),
    );
    for (const line of sample<(typeof lines)[number]>(lines, 10))
      test(`${file}: ${line.name}`, async () => {
        assert.deepEqual(await recorder.record(file, line), line, "run: npm run record");
      });
  }
});
