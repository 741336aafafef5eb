import { spawnSync } from 'node:child_process';

/** Runs a script of sh(1) to its end; its arguments are `$0`, `$1` …. */
export function shell(script: string, ...args: readonly string[]): string {
  return shellWith({}, script, ...args);
}

export function shellWith(
  environment: Readonly<Record<string, string>>,
  script: string,
  ...args: readonly string[]
): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/** The first line a program says of its version; undefined when it is not installed. */
export function versionOf(program: string, argument = '--version'): string | undefined {
  const { status, stdout } = spawnSync(program, [argument], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}
