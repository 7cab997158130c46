/** What a client can send that keeps an executor busy, by name: messages, or whole frames. */
const MEGABYTE = 1_000_000;
/** Masked, without content. */
const PING: Buffer = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);

const FOLDERS: string = Array.from({ length: 400 }, (_, at) => `/tmp/none/folder-${at}`).join(":");

/** What is answered last, where answers come later than that to a question after it. */
export const END_ID = "end";

export const OFFENCES: Readonly<Record<string, () => readonly (string | Buffer)[]>> = {
  "60,000 requests": () => Array<string>(60_000).fill('{"id":1,"method":"environment/status"}'),
  "60,000 frames that are no message": () => Array<string>(60_000).fill("{}"),
  "300,000 pings": () => Array<Buffer>(300_000).fill(PING),
  "8 MB of arrays in arrays": () => ["[".repeat(4 * MEGABYTE) + "]".repeat(4 * MEGABYTE)],
  "8 MB of arrays side by side": () => [`[${"[],".repeat(2.6 * MEGABYTE)}0]`],
  "15 MB for a file": () => [write("A".repeat(15 * MEGABYTE))],
  "64 starts that search 400 folders": () => starts(64, "none", FOLDERS),
  "300 starts": () => starts(300, "true", process.env["PATH"] ?? ""),
};

function write(dataBase64: string): string {
  const params = { path: "file:///dev/null", dataBase64 };
  return JSON.stringify({ id: 1, method: "fs/writeFile", params });
}

/** The last one is answered when all are, or nearly so. */
function starts(count: number, program: string, PATH: string): string[] {
  return Array.from({ length: count }, (_, at) => {
    const params = { processId: `p${at}`, argv: [program], cwd: "file:///tmp", env: { PATH }, tty: false };
    return JSON.stringify({ id: at === count - 1 ? END_ID : at, method: "process/start", params });
  });
}
