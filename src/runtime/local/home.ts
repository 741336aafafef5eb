import type { InstanceId } from '../../../machines/ids.js';
import type { World } from '../../gateways/world.js';
import type { RunRequest } from '../workspace-runtime.js';
import type { Owner } from './run-folder.js';

/**
 * Files in the home of a run. It belongs to the workspace's user, who may have made anything of it: from the folder
 * of all runs on, which does not, no link is followed.
 */
export class Home {
  readonly #world: World;
  readonly #runs: string;
  readonly #owner: Owner | undefined;

  constructor(world: World, runs: string, owner: Owner | undefined) {
    this.#world = world;
    this.#runs = runs;
    this.#owner = owner;
  }

  /** Tells git who commits; the variables of the environment say the same to what starts from there. */
  async identify(instance: InstanceId, { name, email }: RunRequest['git']): Promise<void> {
    const lines = [
      ...(name === '' ? [] : [`\tname = ${quoted(name)}`]),
      ...(email === '' ? [] : [`\temail = ${quoted(email)}`]),
    ];
    if (lines.length > 0) await this.#write(instance, '.gitconfig', ['[user]', ...lines], 0o644);
  }

  async authorize(instance: InstanceId, keys: readonly string[]): Promise<void> {
    await this.#write(instance, '.ssh/authorized_keys', keys, 0o600);
  }

  async #write(instance: InstanceId, path: string, lines: readonly string[], mode: number): Promise<void> {
    const { files, random } = this.#world;
    const text = lines.map((line) => `${line.replace(/[\0\r\n]/g, ' ')}\n`).join('');
    await files.writeBeneath(this.#runs, `${instance}/home/${path}`, text, {
      mode,
      folderMode: 0o700,
      owner: this.#owner,
      temporary: `.steward-${random.uuid()}`,
    });
  }
}

/** A value as git-config(1) reads it. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
