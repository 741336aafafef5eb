import { type InstanceId, isInstanceId } from '../../../machines/ids.js';
import type { Files } from '../../gateways/files.js';
import type { WorkingArea } from '../area.js';

/** Which instances anything on this disk may belong to. */
export interface Owners {
  owns(instance: InstanceId): boolean;
}

/**
 * Everybody with an actor, with a record on disk (read or not) or with a record that was set aside: what cannot
 * be read protects its content, too. Fails when the folders of the records cannot be listed: then nobody can say
 * that something has no owner.
 */
export async function ownersOf(
  files: Files,
  area: WorkingArea,
  hasActor: (instance: InstanceId) => boolean,
): Promise<Owners> {
  const recorded = await namesIn(files, area.records, /\.(record|tmp)$/);
  const setAside = await namesIn(files, area.setAside, /\.\d+\.record$/);
  return {
    owns: (instance) => recorded.has(instance) || setAside.has(instance) || hasActor(instance),
  };
}

/** A name that does not look like one of ours may have been renamed by a person: it protects what it begins with. */
async function namesIn(files: Files, folder: string, suffix: RegExp): Promise<ReadonlySet<string>> {
  const entries = await files.list(folder);
  return new Set(
    entries.flatMap(({ name }) => {
      const parts = name.split('.');
      const beginnings = parts.map((_part, index) => parts.slice(0, index + 1).join('.'));
      return [name.replace(suffix, ''), ...beginnings];
    }),
  );
}

/** The instance that an entry of a folder of ours is named for; undefined when it is something else. */
export function instanceNamed(name: string, suffix = ''): InstanceId | undefined {
  if (!name.endsWith(suffix)) return undefined;
  const id = name.slice(0, name.length - suffix.length);
  return isInstanceId(id) ? id : undefined;
}
