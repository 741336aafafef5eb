/** Colours where they help; the text itself where nobody would see them. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

/** No colours unless `isTerminal`, and none with NO_COLOR set to anything (https://no-color.org) or TERM=dumb. */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const { NO_COLOR: refused, TERM: terminal } = env;
  const isColoured = isTerminal && (refused === undefined || refused === '') && terminal !== 'dumb';
  const paint = (start: number, end: number) => (text: string) =>
    isColoured ? `\x1b[${start}m${text}\x1b[${end}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
  };
}
