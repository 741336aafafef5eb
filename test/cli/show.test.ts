import { expect, it } from 'vitest';
import { Show } from '../../src/cli/show.js';

it.each([true, false])(
  'a live line gives way to the next and to anything else (terminal: %s)',
  (isTerminal) => {
    let written = '';
    const stream = {
      isTerminal,
      columns: 80,
      rows: 24,
      onResize: () => () => undefined,
      write: (text: string | Uint8Array) => (written += String(text)),
    };
    const show = new Show(
      { stdout: stream, stderr: stream, env: { NO_COLOR: '1' } },
      { json: false, quiet: false },
    );
    show.live('10 %');
    show.live('20 %');
    show.result({}, ['done']);
    show.live(undefined);
    expect(written).toBe(isTerminal ? '\r\x1b[K10 %\r\x1b[K20 %\r\x1b[Kdone\n' : 'done\n');
  },
);
