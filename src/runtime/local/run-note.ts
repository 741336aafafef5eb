import { join } from 'node:path';
import { z } from 'zod';
import type { InstanceId } from '../../../machines/ids.js';
import { errorCode } from '../../gateways/file-error.js';
import type { Files } from '../../gateways/files.js';
import { NOTE_BYTES_MAX } from '../bounds.js';

const note = z.object({
  /** The content, and the folder in it that the command started in. */
  contentFolder: z.string(),
  workingFolder: z.string(),
  /** How the folders of the groups of its processes begin, where the machine has such; the name of a start follows. */
  cgroups: z.string().optional(),
});

/** What has to be known of a run as long as it is remembered. */
export type RunNote = z.infer<typeof note>;

/** What we keep about one run where its user cannot change it: the note, and the log of each start. */
export class RunRecord {
  readonly path: string;
  readonly #files: Files;

  constructor(files: Files, logs: string, instance: InstanceId) {
    this.#files = files;
    this.path = join(logs, instance);
  }

  /** Where the logger of a start works. */
  logFolder(start: string): string {
    return join(this.path, start);
  }

  async write(start: string, about: RunNote): Promise<void> {
    await this.#files.makeDirectory(this.logFolder(start), 0o700);
    const part = join(this.path, `note.${start}`);
    await this.#files.write(part, JSON.stringify(about), { mode: 0o600 });
    await this.#files.rename(part, join(this.path, 'note'));
  }

  /** undefined when there is none, or it cannot be understood. */
  async read(): Promise<RunNote | undefined> {
    try {
      const text = (await this.#files.read(join(this.path, 'note'), NOTE_BYTES_MAX)).toString('utf8');
      return note.safeParse(JSON.parse(text)).data;
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  remove(): Promise<void> {
    return this.#files.remove(this.path);
  }
}
