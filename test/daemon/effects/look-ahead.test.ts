import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type InstanceId, isInstanceId } from '../../../machines/ids.js';
import { READY_MARKER } from '../../../src/content/ready-marker.js';
import { WorkingArea } from '../../../src/daemon/area.js';
import { LOOK_AHEAD_DEADLINE_MS } from '../../../src/daemon/bounds.js';
import { LookAhead } from '../../../src/daemon/effects/look-ahead.js';
import type { Files } from '../../../src/gateways/files.js';
import { SimulatedClock } from '../../../src/gateways/simulated/clock.js';
import { SimulatedFiles } from '../../../src/gateways/simulated/files.js';
import { interceptFiles } from '../../support/intercepted-files.js';

const area = new WorkingArea('/daemon', '/secrets');
/** More than are looked at together. */
const MANY = Array.from({ length: 1_000 }, (_, index) => record(`i${index}`));

describe('looking ahead at contents that come back', () => {
  it('tells once of each that was seen to be announced', async () => {
    const { clock, files } = world();
    for (const name of ['announced', 'leaving']) await announce(files, name);
    await files.makeDirectory(area.contentOf(instanceId('filled')));
    const ahead = new LookAhead({ clock, files }, area);
    const records = [record('announced'), record('filled'), record('gone'), record('leaving', 'wrapping-up')];
    const out: unknown[] = [];
    for await (const one of ahead.over(records)) out.push(one);
    expect(out).toEqual(records);
    const taken = () => records.map(({ identity }) => ahead.take(identity.instance));
    expect(taken()).toEqual([true, false, false, false]);
    expect(taken()).toEqual([false, false, false, false]);
  });

  it('sees all of many', async () => {
    const { clock, files } = world();
    for (const { identity } of MANY) await announce(files, identity.instance);
    const ahead = new LookAhead({ clock, files }, area);
    let seen = 0;
    for await (const { identity } of ahead.over(MANY)) if (ahead.take(identity.instance)) seen += 1;
    expect(seen).toBe(MANY.length);
  });

  it('waits once for a disk that does not answer, however many there are', async () => {
    const { clock, files } = world();
    const hung = interceptFiles(files, () => new Promise<never>(() => undefined));
    const ahead = new LookAhead({ clock, files: hung }, area);
    const out: string[] = [];
    const over = (async () => {
      for await (const { identity } of ahead.over(MANY)) out.push(identity.instance);
    })();
    await clock.advance(LOOK_AHEAD_DEADLINE_MS - 1);
    expect(out).toEqual([]);
    await clock.advance(1);
    await over;
    expect(out).toEqual(MANY.map(({ identity }) => identity.instance));
    expect(clock.pending).toBe(0);
  });
});

function world() {
  const clock = new SimulatedClock();
  return { clock, files: new SimulatedFiles(clock) };
}

function instanceId(name: string): InstanceId {
  if (!isInstanceId(name)) throw new Error(`${name} is no id`);
  return name;
}

function record(name: string, step: 'available' | 'wrapping-up' = 'available') {
  return { identity: { instance: instanceId(name) }, step };
}

async function announce(files: Files, name: string): Promise<void> {
  const marker = join(area.contentOf(instanceId(name)), READY_MARKER);
  await files.makeDirectory(dirname(marker));
  await files.write(marker, '{}');
}
