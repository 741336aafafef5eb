import { StewardError } from '../../errors/steward-error.js';
import { sleep } from '../../gateways/clock.js';
import type { KillSignal, ProcessIdentity, RunningProcess } from '../../gateways/processes.js';
import type { World } from '../../gateways/world.js';
import { HANGUP_MS, TERMINAL_WAIT_MS, WATCH_PAUSE_MIN_MS } from '../bounds.js';
import type { ExecOutput, RunningExec, TerminalSize } from '../exec.js';
import { untilTaken } from './exec-output.js';
import { TOOLS_PATH } from './launch.js';
import type { Members } from './members.js';
import type { Owner } from './run-folder.js';
import { greeting } from './terminal-shims.js';

/** Of a command in a terminal: who leads the session, and the terminal's name. */
interface Session {
  readonly leader: ProcessIdentity;
  readonly path: string;
}

/** A command in a terminal, from the program that holds the terminal. */
export class TerminalExec implements RunningExec {
  readonly pid: number;
  readonly output: AsyncIterable<ExecOutput>;
  readonly end: RunningExec['end'];
  readonly #world: World;
  readonly #members: Members;
  readonly #owner: Owner | undefined;
  readonly #holder: RunningExec;
  /** undefined when the command ended before it had one. */
  readonly #session: Session | undefined;
  #wanted: TerminalSize | undefined;
  #resizing: Promise<void> | undefined;

  private constructor(
    world: World,
    members: Members,
    owner: Owner | undefined,
    holder: RunningExec,
    session: Session | undefined,
    output: AsyncIterable<ExecOutput>,
  ) {
    this.#world = world;
    this.#members = members;
    this.#owner = owner;
    this.#holder = holder;
    this.#session = session;
    this.pid = session?.leader.pid ?? holder.pid;
    this.output = output;
    this.end = holder.end;
  }

  /** Resolves when the terminal is there, or the command has ended without one. */
  static async open(
    world: World,
    members: Members,
    owner: Owner | undefined,
    process: RunningProcess,
    holder: RunningExec,
  ): Promise<TerminalExec> {
    const problems: Buffer[] = [];
    const line = await firstLine(world, process, problems);
    const greeted = line === undefined ? undefined : greeting(line);
    const leader = greeted === undefined ? undefined : await members.identify(greeted.leader);
    const session =
      greeted === undefined || leader === undefined ? undefined : { leader, path: greeted.path };
    return new TerminalExec(world, members, owner, holder, session, shown(process, greeted ? [] : problems));
  }

  write(data: Uint8Array): Promise<void> {
    return this.#holder.write(data);
  }

  endInput(): void {
    this.#holder.endInput();
  }

  /** Of several sizes asked for meanwhile the last one counts. */
  async resize(size: TerminalSize): Promise<void> {
    this.#wanted = size;
    this.#resizing ??= this.#resizeAll().finally(() => {
      this.#resizing = undefined;
    });
    await this.#resizing;
  }

  async #resizeAll(): Promise<void> {
    for (let size = this.#wanted; size !== undefined; size = this.#wanted) {
      this.#wanted = undefined;
      if (this.#session === undefined) return;
      const stty = this.#world.processes.start({
        program: 'stty',
        args: ['-F', this.#session.path, 'rows', String(size.rows), 'cols', String(size.columns)],
        env: { PATH: TOOLS_PATH },
        ...this.#owner,
      });
      stty.stdout.resume();
      stty.stderr.resume();
      await stty.exit;
    }
  }

  async signal(signal: KillSignal): Promise<void> {
    const members = this.#session === undefined ? [] : await this.#members.ofSession(this.#session.leader);
    for (const { identity, group, foreground } of members) {
      if (group === foreground) await this.#world.processes.signalProcess(identity, signal);
    }
  }

  /** The terminal hangs up, which its session is told by SIGHUP; who does not end of that is killed. */
  async kill(): Promise<void> {
    const { clock, processes } = this.#world;
    await this.#holder.kill();
    if (this.#session === undefined) return;
    const killAt = clock.monotonic() + HANGUP_MS;
    for (;;) {
      const left = await this.#members.ofSession(this.#session.leader);
      if (left.length === 0) return;
      const isLate = clock.monotonic() >= killAt;
      if (clock.monotonic() >= killAt + HANGUP_MS) return;
      if (isLate) for (const { identity } of left) await processes.signalProcess(identity, 'SIGKILL');
      await sleep(clock, WATCH_PAUSE_MIN_MS);
    }
  }
}

/** Of what is said beside the terminal; all that was read of it is in `read`. */
async function firstLine(
  { clock }: World,
  process: RunningProcess,
  read: Buffer[],
): Promise<string | undefined> {
  const late = clock.schedule(clock.now() + TERMINAL_WAIT_MS, () => process.kill('SIGKILL'));
  try {
    for await (const chunk of process.stderr.iterator({ destroyOnReturn: false })) {
      read.push(Buffer.from(chunk));
      const text = Buffer.concat(read).toString('latin1');
      if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
    }
    return undefined;
  } catch (cause) {
    throw new StewardError('process-failed', 'the terminal could not be made', { cause });
  } finally {
    late.cancel();
    process.stderr.resume();
  }
}

async function* shown(process: RunningProcess, problems: readonly Buffer[]): AsyncGenerator<ExecOutput> {
  for (const data of problems) yield { stream: 'stderr', data };
  for await (const data of untilTaken(process.stdout)) yield { stream: 'stdout', data };
}
