/** How many columns of a terminal a text takes, and how to make it take fewer. */

/** East Asian wide and full-width characters, and emoji. */
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{RGI_Emoji_Flag_Sequence}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}])/v;
const ASCII = /^[ -~]*$/;

interface Character {
  readonly text: string;
  readonly width: number;
}

export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  return characters(text).reduce((sum, { width }) => sum + width, 0);
}

function characters(text: string): Character[] {
  return [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)].map(({ segment }) => {
    if (/^[\p{Control}\p{Format}\p{Mark}]/u.test(segment)) return { text: segment, width: 0 };
    return { text: segment, width: WIDE.test(segment) ? 2 : 1 };
  });
}

export function padText(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** The part that identifies a text: the host of a URL, the program of a command line. */
const HEAD = /^(?:[a-z][a-z+.-]*:\/\/[^/\s]*|\S+\s+)/;
/** With fewer columns left for the end, the whole beginning says more. */
const END_MIN = 6;

/** The beginning and the end: `https://example.com…/mcp`, `node …/server.js --port 1`; in fewer, `example.com…`. */
export function keepEnds(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const head = HEAD.exec(text)?.[0] ?? "";
  const short = head.replace(/^.*\/(?=[^/])/, "");
  const begin = [head, short].find((each) => width - textWidth(each) >= (each === head ? END_MIN : 1));
  if (begin === undefined) return keepEnd(text, width);
  return begin + keepEnd(text.slice(head.length), width - textWidth(begin));
}

/** The end of a text: it says most about a path, a URL or a command line. `…/server.js --port 1`. */
export function keepEnd(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width < 1) return "";
  const all = characters(text);
  let from = all.length;
  for (let left = width - 1; from > 0 && left >= (all[from - 1] as Character).width; from--) {
    left -= (all[from - 1] as Character).width;
  }
  const end = all.slice(from).map((character) => character.text);
  // Prefer to cut at a boundary nearby.
  const boundary = end.findIndex((character) => character === "/" || character === "\\");
  return `…${end.slice(boundary > 0 && boundary <= width / 3 ? boundary : 0).join("")}`;
}

/** The beginning of a text. */
export function keepStart(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let left = width - 1;
  const kept: string[] = [];
  for (const character of characters(text)) {
    left -= character.width;
    if (left < 0) break;
    kept.push(character.text);
  }
  return `${kept.join("").trimEnd()}…`;
}
