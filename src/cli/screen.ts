import { Option } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import { durationArgument } from './arguments.js';
import { SCREEN_PERIOD_MS, TERMINAL_ROWS } from './bounds.js';
import { plainText } from './plain-text.js';
import type { Session } from './session.js';

/** What is shown at one moment: lines for people, values for --json. */
export interface Picture {
  readonly lines: readonly string[];
  readonly values: readonly unknown[];
}

export function everyOption(): Option {
  return new Option('--every <duration>', 'how often it is taken anew')
    .argParser(durationArgument)
    .default(SCREEN_PERIOD_MS, '1s');
}

/**
 * Takes and shows a picture again and again until somebody ends it: on a terminal in one place, elsewhere each
 * time that it has changed. A program that is away for a while is told, and asked again.
 */
export async function keepShowing(
  session: Session,
  periodMs: number,
  take: () => Promise<Picture>,
): Promise<undefined> {
  const { cli, show } = session;
  const isScreen = cli.stdout.isTerminal && !show.json;
  let before = '';
  if (isScreen) cli.stdout.write(OPEN);
  try {
    while (!cli.interrupted.aborted) {
      const picture = await take().catch((thrown: unknown) => absent(session, thrown));
      if (picture === undefined) break;
      if (isScreen) draw(session, picture.lines);
      else before = tellChange(session, picture, before);
      await sleep(cli.world.clock, periodMs, cli.interrupted).catch(() => undefined);
    }
  } finally {
    if (isScreen) cli.stdout.write(CLOSE);
  }
  return undefined;
}

/** ECMA-48 and what xterm added: another screen, without a cursor; and back. */
const OPEN = '\x1b[?1049h\x1b[?25l';
const CLOSE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

/** Over what stood there, so that nothing flickers; no more than fits. */
function draw({ cli }: Session, lines: readonly string[]): void {
  const shown = lines.slice(0, (cli.stdout.rows ?? TERMINAL_ROWS) - 1);
  const text = shown.map((line) => `${line}${REST_OF_LINE}\n`).join('');
  cli.stdout.write(`${HOME}${text}${REST_OF_SCREEN}`);
}

function tellChange({ show }: Session, { lines, values }: Picture, before: string): string {
  const told = show.json ? JSON.stringify(values, bigintsAsText) : lines.join('\n');
  if (told === before) return before;
  if (show.json) for (const value of values) show.result(value, []);
  else show.result(undefined, lines);
  return told;
}

/** undefined when it was not taken because nobody wants it any more. */
function absent({ show, cli }: Session, thrown: unknown): Picture | undefined {
  if (cli.interrupted.aborted) return undefined;
  if (!(thrown instanceof StewardError) || thrown.code !== 'unavailable') throw thrown;
  const { message } = thrown;
  return { lines: [show.style.yellow(plainText(message))], values: [{ unavailable: message }] };
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
