/**
 * Makes test/fixtures/config-*.jsonl anew: the inputs stay, the installed Codex answers them again.
 *
 *   npm run record
 *
 * What `git diff` shows then is what drifted. A new input is a line with its answers left away.
 */
import {
  canReplaceEtc,
  needsEtc,
  readRecordings,
  RECORDING_FILES,
  Recorder,
  type RecordedLayers,
  type RecordingFile,
  writeRecordings,
} from "../test/config/support/recorder.ts";

await using recorder = await Recorder.start();
const etc = await canReplaceEtc();

async function recordFile<File extends RecordingFile>(file: File): Promise<void> {
  const lines = readRecordings(file);
  const recorded: typeof lines = [];
  const kept: string[] = [];
  for (const line of lines) {
    const isKept = !etc && file === "config-layers.jsonl" && needsEtc(line as RecordedLayers);
    if (isKept) kept.push(line.name);
    recorded.push(isKept ? line : await recorder.record(file, line));
  }
  writeRecordings(file, recorded);
  const changed = recorded.filter((line, index) => JSON.stringify(line) !== JSON.stringify(lines[index]));
  console.log(`${file}: ${recorded.length - kept.length} recorded, ${changed.length} changed`);
  for (const { name } of changed) console.log(`  ${name}`);
  if (kept.length > 0) console.log(`  kept, since nothing can stand for /etc here: ${kept.join(", ")}`);
}

for (const file of RECORDING_FILES) await recordFile(file);
