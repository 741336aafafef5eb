const { NO_COLOR: refused } = process.env;
const colour = process.stdout.isTTY === true && !refused;
const paint = (code: number, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);

/** What the demo tells its reader. */
export const say = {
  step: (text: string) => console.log(`\n${paint(1, `── ${text}`)}`),
  line: (text: string) => console.log(text),
  command: (text: string) => console.log(paint(36, `$ ${text}`)),
  good: (text: string) => console.log(paint(32, `✔ ${text}`)),
  bad: (text: string) => console.log(paint(31, `✘ ${text}`)),
  /** Something was left out; to be seen. */
  skipped: (text: string) => console.log(paint(33, `!! SKIPPED: ${text}`)),
};
