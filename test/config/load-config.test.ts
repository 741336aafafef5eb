import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { duration, size } from '../../src/config/fields.js';
import { type ConfigSources, configJsonSchema, loadConfig } from '../../src/config/load-config.js';
import { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import { SimulatedFiles } from '../../src/gateways/simulated/files.js';

const schema = z.object({
  name: z.string().default('steward'),
  backup: z
    .object({
      interval: duration().default(900_000),
      limit: size().optional(),
      isOn: z.boolean().default(true),
    })
    .prefault({}),
  queue: z
    .strictObject({ length: z.int().default(5) })
    .prefault({})
    .transform(({ length }) => ({ lengthMax: length })),
  hosts: z.array(z.string()).default([]),
  accessKey: z.string().optional(),
});

describe('loadConfig', () => {
  it('has defaults for everything', async () => {
    expect(await load({})).toEqual({
      name: 'steward',
      backup: { interval: 900_000, isOn: true },
      queue: { lengthMax: 5 },
      hosts: [],
    });
  });

  it('takes its section of a file that several programs share', async () => {
    const section = { name: 'one', among: ['one', 'two'] };
    const file = { one: { name: 'file' }, two: { whatever: 1 } };
    expect(await load({ file, section })).toMatchObject({ name: 'file' });
    expect(await load({ file: { two: {} }, section })).toMatchObject({ name: 'steward' });
    await expect(load({ file: { tow: {} }, section })).rejects.toThrow('tow: there is no such key');
    await expect(load({ file: { one: 1 }, section })).rejects.toThrow('one: it must be a JSON object');
  });

  it('lets the environment go before the file, and overrides before both', async () => {
    const file = { name: 'file', backup: { interval: '1h30m', limit: '10Gi' }, hosts: ['a'] };
    const env = {
      STEWARD_TEST_NAME: 'env',
      STEWARD_TEST_BACKUP_INTERVAL: '5m',
      STEWARD_TEST_QUEUE_LENGTH: '7',
      STEWARD_TEST_HOSTS: '["b","c"]',
    };
    const config = await load({ file, env, overrides: { name: 'line', accessKey: undefined } });
    expect(config).toEqual({
      name: 'line',
      backup: { interval: 300_000, limit: 10 * 2 ** 30, isOn: true },
      queue: { lengthMax: 7 },
      hosts: ['b', 'c'],
    });
  });

  it('takes booleans and words with several parts from the environment', async () => {
    const env = {
      STEWARD_TEST_BACKUP_IS_ON: 'false',
      STEWARD_TEST_ACCESS_KEY: '12',
      STEWARD_OTHER_NAME: 'x',
    };
    expect(await load({ env })).toMatchObject({ backup: { isOn: false }, accessKey: '12', name: 'steward' });
  });

  it('names the path of every bad key and what was expected', async () => {
    const file = {
      name: 7,
      backup: { interval: '5 parsecs', limit: '1.5', of: 1 },
      queue: { size: 1 },
      typo: true,
      hosts: ['a', 2],
    };
    const env = { STEWARD_TEST_NAEM: 'x' };
    const message = await load({ file, env }).catch((error) => {
      expect(error.code).toBe('invalid-config');
      return error.message;
    });
    expect(message).toContain('/etc/steward.json');
    for (const line of [
      '  STEWARD_TEST_NAEM: there is no key of this name',
      '  backup.of: there is no such key',
      '  queue.size: there is no such key',
      '  typo: there is no such key',
      '  backup.interval: expected a duration such as "1h30m"',
      '  backup.limit: expected a size such as "10Gi"',
    ]) {
      expect(message).toContain(line);
    }
    expect(message).toMatch(/^ {2}name: .*expected string/m);
    expect(message).toMatch(/^ {2}hosts\.1: .*expected string/m);
  });

  it('shows no values, which may be secrets', async () => {
    const env = { STEWARD_TEST_ACCESS_KEY: 'hunter2', STEWARD_TEST_HOSTS: 'hunter2' };
    await expect(load({ env })).rejects.not.toThrow('hunter2');
  });

  it.each([
    ['{ broken', 'valid JSON'],
    ['[]', 'JSON object'],
  ])('refuses the file %j', async (text, expected) => {
    await expect(load({ text })).rejects.toThrow(expected);
  });

  it('says when the file is not there', async () => {
    const files = new SimulatedFiles(new SimulatedClock());
    const sources = { file: '/none.json', env: {}, envPrefix: 'STEWARD_TEST' };
    await expect(loadConfig(files, schema, sources)).rejects.toThrow('/none.json cannot be read (ENOENT)');
  });
});

describe('configJsonSchema', () => {
  it('describes what the file may hold, and that nothing else may be in it', () => {
    expect(configJsonSchema(schema)).toMatchObject({
      type: 'object',
      additionalProperties: false,
      properties: {
        name: { type: 'string', default: 'steward' },
        backup: { properties: { interval: { description: expect.stringContaining('1h30m') } } },
      },
    });
  });
});

async function load(given: { file?: object; text?: string } & Partial<Omit<ConfigSources, 'file'>>) {
  const files = new SimulatedFiles(new SimulatedClock());
  await files.makeDirectory('/etc');
  await files.write('/etc/steward.json', given.text ?? JSON.stringify(given.file ?? {}));
  const { env = {}, overrides = {}, section } = given;
  const more = section === undefined ? {} : { section };
  const sources = { file: '/etc/steward.json', env, envPrefix: 'STEWARD_TEST', overrides, ...more };
  return loadConfig(files, schema, sources);
}
