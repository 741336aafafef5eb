import type { InstanceId } from '../../machines/ids.js';
import { discardArchive, storeArchive, type WorkOptions } from './archive-objects.js';
import type { BackupObjects } from './backup-objects.js';
import type { Plan } from './backup-plan.js';
import type { BackupPolicy } from './backup-policy.js';
import { SURVEY_BESIDE_BYTES_MIN, TORN_RETRIES_MAX } from './bounds.js';
import { type Beginning, beginning, type ChainFolder, isAtRest, isSteppedBack } from './chain.js';
import type { Exclude } from './exclude.js';
import type { Change, Part, Tree } from './manifest.js';
import { requireNoShrink } from './shrink-guard.js';
import { type Survey, surveyFolder } from './survey.js';
import { SurveyBeside } from './survey-beside.js';
import type { ArchiveReport } from './tar-messages.js';

/** What is the same for all archives of one backup. */
export interface Task {
  readonly excludes: readonly Exclude[];
  readonly begun: Beginning;
  /** The one it will probably be. */
  readonly generation: number;
  /** The content in the backup before; absent when there is none to compare with. */
  readonly treeBefore: Tree | undefined;
}

export interface PackingOptions extends WorkOptions {
  readonly instance: InstanceId;
  readonly policy: BackupPolicy;
  /** Whether a tiny backup may follow a large one. */
  readonly acceptShrink?: boolean;
}

/** One archive that is stored. */
interface Archived {
  readonly part: Part;
  readonly report: ArchiveReport;
  /** Of the content, once nothing read it any more. */
  readonly survey: Survey;
  /** Whether nothing was touched since the backup began. */
  readonly isAtRest: boolean;
}

/** All archives of one backup, stored and not committed yet. */
export interface PackedBackup extends Omit<Archived, 'part' | 'isAtRest'> {
  /** The whole chain. */
  readonly parts: readonly Part[];
  readonly change: Change;
  /** Whether the survey shows what is in the archives. */
  readonly isExact: boolean;
  /** Whether tar's listing belongs to the last part. */
  readonly isListed: boolean;
}

/** Makes the archives of one backup. */
export class BackupPacking {
  readonly #objects: BackupObjects;
  readonly #folder: string;
  readonly #chain: ChainFolder;
  readonly #options: PackingOptions;

  constructor(objects: BackupObjects, folder: string, chain: ChainFolder, options: PackingOptions) {
    this.#objects = objects;
    this.#folder = folder;
    this.#chain = chain;
    this.#options = options;
  }

  /**
   * The full archive or the increment, and further increments at once while files shrink under tar. `misled`: tar
   * took a folder for another one and left out what is in it; nothing is stored then.
   */
  async pack(plan: Plan, task: Task): Promise<PackedBackup | 'misled'> {
    const first = await this.#archive(plan.kind, task);
    if (first === 'misled') return first;
    const made = [first];
    let isListed = true;
    let last = first;
    while (last.report.torn.count > 0 && made.length <= TORN_RETRIES_MAX) {
      if (!(await this.#chain.turnBack(task.begun, this.#options.signal))) break;
      const more = await this.#archive('increment', task);
      isListed = more !== 'misled';
      if (more === 'misled') break;
      made.push(more);
      last = more;
    }
    const earlier = plan.kind === 'increment' ? plan.manifest.parts : [];
    const { survey, report } = last;
    const now = beginning(this.#objects.place.world);
    return {
      parts: [...earlier, ...made.map(({ part }) => part)],
      change: {
        writtenFiles: made.reduce((sum, { report: { files } }) => sum + files, 0),
        entriesDelta: survey.entries - (task.treeBefore?.entries ?? 0),
        storedBytes: made.reduce((sum, { part: { sizeBytes } }) => sum + sizeBytes, 0),
      },
      ...{ report, survey, isListed },
      isExact: last.isAtRest && !isSteppedBack(task.begun, now),
    };
  }

  async #archive(kind: Part['kind'], task: Task): Promise<Archived | 'misled'> {
    const { place } = this.#objects;
    const { begun, excludes, generation } = task;
    const { instance, signal, onProgress, policy } = this.#options;
    const { bandwidthBytesPerSecond } = policy;
    const name = this.#objects.newArchiveName(generation, instance);
    let seen: Omit<Archived, 'part' | 'report'> | undefined;
    const look = { world: place.world, folder: this.#folder, excludes, begun };
    // Of little content a survey afterwards is as quick, and one look less.
    let isPacked = false;
    let beside = kind === 'increment' ? new SurveyBeside(look, signal) : undefined;
    const { part, report } = await storeArchive(place, name, this.#folder, {
      ...{ signal, kind, excludes, listing: this.#chain.next },
      onProgress: (progress) => {
        const isLarge = progress.step === 'packing' && progress.bytes >= SURVEY_BESIDE_BYTES_MIN;
        if (isLarge && !isPacked) beside ??= new SurveyBeside(look, signal);
        onProgress?.(progress);
      },
      ...(bandwidthBytesPerSecond === undefined ? {} : { bandwidthBytesPerSecond }),
      onPacked: async (alive) => {
        isPacked = true;
        const survey = await (beside?.finish(alive) ??
          surveyFolder(place.world, this.#folder, excludes, alive));
        this.#requireNoShrink(task, survey);
        seen = { survey, isAtRest: await isAtRest(place.world, this.#folder, survey, begun) };
        return seen;
      },
    }).finally(() => beside?.end());
    if (seen === undefined) throw new Error('an archive was made and nobody looked at the content');
    if (report.renamed.count === 0) return { part, report, ...seen };
    await discardArchive(place, name);
    return 'misled';
  }

  #requireNoShrink({ treeBefore }: Task, survey: Survey): void {
    const { acceptShrink = false, policy } = this.#options;
    if (!acceptShrink) requireNoShrink(treeBefore, survey, policy.shrink);
  }
}
