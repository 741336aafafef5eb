import type { FaultyOperation, FileFault, FileFaults } from '../../src/gateways/simulated/file-faults.js';
import type { ProcessFault, ProcessFaults } from '../../src/gateways/simulated/process-faults.js';
import type { SeededRandom } from '../../src/gateways/simulated/random.js';
import type { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { type FaultRates, NO_FAULTS } from './settings.js';

/** What is about to happen, told to whoever watches, before it happens. */
export type Tap = (operation: FaultyOperation | 'start', path: string) => void;

/** The longest that a slow disk takes which is well. */
const SLOW_MS = 2_000;

/** Decides at every operation of files and processes what goes wrong, and counts them. */
export class Trouble implements FileFaults {
  rates: FaultRates = NO_FAULTS;
  /** Operations so far, over all lives. */
  count = 0;
  /** The disk has refused something by now, or kept somebody waiting for longer than any record may take. */
  hasBefallen = false;
  /** Instead of chance: decides by the number of the operation, counted from 1, and by what it is done to. */
  plan: (count: number, path: string) => FileFault | undefined = () => undefined;
  readonly #random: SeededRandom;
  readonly #tap: Tap;
  readonly #processes: ProcessFaults;

  constructor(random: SeededRandom, tap: Tap) {
    this.#random = random;
    this.#tap = tap;
    this.#processes = { at: (program, args) => this.#atStart(program, args) };
  }

  /** To be called for every new life, because faults end with the old one. */
  befall(world: SimulatedWorld): void {
    world.files.faults = this;
    world.processes.faults = this.#processes;
  }

  at(operation: FaultyOperation, path: string): FileFault | undefined {
    this.count += 1;
    this.#tap(operation, path);
    const fault = this.plan(this.count, path) ?? this.#byChance(operation);
    this.hasBefallen ||= fault !== undefined && isGrave(fault);
    return fault;
  }

  #byChance(operation: FaultyOperation): FileFault | undefined {
    const { rates } = this;
    if (rates === NO_FAULTS) return undefined;
    if (this.#random.isHit(rates.fileHangs)) return { latencyMs: this.#random.integer(60_000, 3_600_000) };
    const longestMs = this.#random.isHit(0.1) ? SLOW_MS : 50;
    const latencyMs = this.#random.isHit(rates.fileSlow) ? this.#random.integer(1, longestMs) : 0;
    if (this.#random.isHit(rates.fileError)) return { latencyMs, code: this.#code(operation) };
    if (this.#random.isHit(rates.fileErrorAfterwards)) {
      return { latencyMs, code: this.#code(operation), isDoneAnyway: true };
    }
    return latencyMs === 0 ? undefined : { latencyMs };
  }

  /** A full disk refuses only what needs room. */
  #code(operation: FaultyOperation) {
    const code = this.#random.pick(this.rates.codes) ?? 'EIO';
    // Nobody takes the permission to open a folder away while it is in use.
    if (code === 'EACCES' && operation === 'syncDirectory') return 'EIO';
    return code === 'ENOSPC' && !TAKES_ROOM.has(operation) ? 'EIO' : code;
  }

  #atStart(program: string, args: readonly string[]): ProcessFault | undefined {
    this.count += 1;
    this.#tap('start', program);
    // Without a program there is no process to fail later; a planned fault of files says what happens here.
    const planned = this.plan(this.count, program);
    if (planned?.isEndless || planned?.latencyMs !== undefined) return { kind: 'hangs' };
    if (planned?.code !== undefined) return { kind: 'dies', afterMs: 0 };
    const { rates } = this;
    if (rates === NO_FAULTS) return undefined;
    if (this.#random.isHit(rates.processFails)) return { kind: 'cannot-start' };
    if (this.#random.isHit(rates.processDies))
      return { kind: 'dies', afterMs: this.#random.integer(0, 3_000) };
    if (this.#random.isHit(rates.processHangs)) return { kind: 'hangs' };
    if (this.#random.isHit(rates.processGarbage)) {
      // That a program says it has done what it has not can be told only where its output is what it does.
      const least = args.includes('--create') ? 0 : 1;
      return { kind: 'garbage', output: 'surprise', code: this.#random.integer(least, 2) };
    }
    if (this.#random.isHit(rates.processSlow)) {
      return { kind: 'slow', latencyMs: this.#random.integer(1, 20_000) };
    }
    return undefined;
  }
}

function isGrave({ code, isEndless, latencyMs = 0 }: FileFault): boolean {
  return code !== undefined || isEndless === true || latencyMs > SLOW_MS;
}

const TAKES_ROOM: ReadonlySet<FaultyOperation> = new Set([
  'write',
  'append',
  'openWrite',
  'writeChunk',
  'finish',
  'makeDirectory',
  'rename',
  'link',
  'symlink',
]);
