import { expect, it } from 'vitest';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { keysFrom, keysInProfile } from '../../../src/storage/s3/credentials.js';

it('reads the default profile of a credentials file, whatever is around it', () => {
  const text =
    '# mine\n[other]\naws_access_key_id=O\naws_secret_access_key=o\n[default]\n aws_access_key_id = A\naws_secret_access_key = b+c/d==\naws_session_token=t\n';
  expect(keysInProfile(text, '/c')).toEqual({
    accessKeyId: 'A',
    secretAccessKey: 'b+c/d==',
    sessionToken: 't',
  });
  expect(() => keysInProfile('[default]\naws_access_key_id = A\n', '/c')).toThrow('has no key pair');
});

it('takes new keys from the files as soon as they are there', async () => {
  const { files } = SimulatedWorld.fromSeed(1);
  const source = { kind: 'key-files', accessKeyFile: '/access', secretKeyFile: '/secret' } as const;
  const keys = keysFrom(source, files);
  await expect(keys?.()).rejects.toMatchObject({ code: 'storage-refused' });
  await files.write('/access', 'one\n');
  await files.write('/secret', 'two\n');
  expect(await keys?.()).toMatchObject({ accessKeyId: 'one', secretAccessKey: 'two' });
  await files.write('/secret', 'three\n');
  const { expiration, ...now } = (await keys?.()) ?? {};
  expect(now).toEqual({ accessKeyId: 'one', secretAccessKey: 'three' });
  expect(expiration?.getTime()).toBe(0);
});
