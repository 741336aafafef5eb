import type { ProcessCommand, Processes, RunningProcess } from '../../src/gateways/processes.js';
import { RealProcesses } from '../../src/gateways/real/processes.js';
import { die, type FaultPoints, type PointName } from './points.js';

/** Long enough for a tar to be in the middle of its work. */
const WORKING_MS = 5;

/** Real programs, and the points at which a daemon that started them can be made to die. */
export class KillingProcesses extends RealProcesses implements Processes {
  readonly #points: FaultPoints;

  constructor(points: FaultPoints) {
    super();
    this.#points = points;
  }

  override start(command: ProcessCommand): RunningProcess {
    const running = super.start(command);
    const [during, after] = pointsOf(command);
    if (during !== undefined && this.#points.isDue(during)) setTimeout(die, WORKING_MS);
    if (after !== undefined) void running.exit.then(() => this.#points.reach(after));
    return running;
  }
}

function pointsOf({ args }: ProcessCommand): readonly PointName[] {
  if (args.includes('--extract')) return ['tar-writes', 'tar-wrote'];
  if (!args.includes('--create')) return [];
  return args.includes('--file=/dev/null') ? ['listing-seeds'] : ['tar-reads', 'tar-read'];
}
