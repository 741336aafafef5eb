/** A line of the log for people: time, level, program, message, and the other fields behind it. */
export function prettyLine(json: string): string {
  const entry = parsed(json);
  if (entry === undefined) return json;
  const { time, level, program, msg, err, ...rest } = entry;
  const clock = typeof time === 'number' ? new Date(time).toISOString().slice(11, 23) : '';
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${shown(value)}`);
  const head = [clock, String(level).toUpperCase().padEnd(5), program, msg].filter(Boolean).join(' ');
  return `${[head, ...fields, ...problem(err)].join(' ')}\n`;
}

function problem(err: unknown): string[] {
  if (err === undefined) return [];
  const { message, code, stack } = Object(err);
  const name = typeof code === 'string' ? `${code}: ` : '';
  const trace = typeof stack === 'string' ? stack.split('\n').slice(1).join('\n') : '';
  return [`error="${name}${message ?? shown(err)}"${trace === '' ? '' : `\n${trace}`}`];
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(value);
}

function parsed(json: string): Record<string, unknown> | undefined {
  try {
    return { ...Object(JSON.parse(json)) };
  } catch {
    return undefined;
  }
}
