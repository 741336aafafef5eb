import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ProcessCommand } from '../../src/gateways/processes.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { confine, limitConfined } from '../../src/isolation/confine.js';
import { type ConfineOptions, confined } from '../../src/isolation/confined-command.js';
import { confinementOf, probeConfinement } from '../../src/isolation/probe.js';
import { surroundingsOf } from '../../src/isolation/surroundings.js';
import { contentUser, isRoot, newPlace, withProcesses } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
let isPossible = false;

beforeAll(async () => {
  isPossible = (await confinementOf(world)).kind === 'confined';
});

test('a machine that can confine is found to, and one that cannot is told why', async ({ skip }) => {
  const found = await probeConfinement(world);
  if (found.kind === 'open') {
    expect(found.why).not.toBe('');
    skip(`this machine does not allow it: ${found.why}`);
  }
  expect(found).toMatchObject({ kind: 'confined', mode: isRoot ? 'root' : 'user' });
});

test('programs that find it out at the same time all find the same', async ({ skip }) => {
  skip(!isPossible);
  const found = await Promise.all(Array.from({ length: 12 }, () => probeConfinement(world)));
  expect(
    found.map((confinement) => (confinement.kind === 'open' ? confinement.why : confinement.mode)),
  ).toEqual(found.map(() => (isRoot ? 'root' : 'user')));
});

test('for root a user namespace is no way out: files could not be given to their owners in it', async ({
  skip,
}) => {
  skip(!isPossible || !isRoot, 'only root has the other way');
  const onlyUserNamespaces = (command: ProcessCommand) =>
    world.processes.start(command.args.includes('--user') ? command : { ...command, program: 'false' });
  const place = withProcesses(newPlace(await temporaryFolder()), { start: onlyUserNamespaces });
  expect(await probeConfinement(place.world)).toMatchObject({ kind: 'open' });
});

describe('a machine that does not allow it', () => {
  test.each([
    ['has no unshare', { find: async (tool: string) => (tool === 'unshare' ? undefined : `/bin/${tool}`) }],
    [
      'forbids namespaces',
      { start: (command: ProcessCommand) => world.processes.start({ ...command, program: 'false' }) },
    ],
    [
      'has something else under the name',
      { start: (command: ProcessCommand) => world.processes.start({ ...command, program: '/nowhere' }) },
    ],
  ])('because it %s runs commands as they are', async (_what, changed) => {
    const place = withProcesses(newPlace(await temporaryFolder()), changed);
    const command = { program: 'git', args: ['status'], env: { PATH } };
    expect(await confine(place.world, command, { writable: '/w' })).toBe(command);
    expect(await confinementOf(place.world)).toMatchObject({ kind: 'open', why: expect.stringMatching(/./) });
  });

  test('because it is simulated, too', async () => {
    const command = { program: 'git', args: [], env: {} };
    expect(await confine(SimulatedWorld.fromSeed(1), command, { writable: '/w' })).toBe(command);
  });
});

describe('a confined program', () => {
  test('sees its workspace, the system and nothing beside them', async ({ skip }) => {
    skip(!isPossible);
    const { run, base, workspace } = await setting();
    await writeFile(join(workspace, 'mine'), 'x');
    const { stdout } = await run(
      `ls ${base} / /tmp; ls /var /root /home /run /sys; cat ${base}/other/secret`,
    );
    expect(stdout).toContain('work space\n');
    expect(stdout).not.toMatch(/other|secret|^(var|root|home|run|sys)$/m);
    expect((await run('cat mine; git --version; tar --version; cat /etc/passwd')).code).toBe(0);
  });

  test('writes to its workspace as the content user, to its own /tmp, and nowhere else', async ({ skip }) => {
    skip(!isPossible);
    const { base, run, workspace } = await setting();
    expect((await run('echo x > made && echo y > /tmp/steward-canary')).code).toBe(0);
    expect((await stat(join(workspace, 'made'))).uid).toBe(contentUser?.uid ?? process.getuid?.());
    expect(await readdir('/tmp')).not.toContain('steward-canary');
    for (const place of ['/', '/usr', '/etc', '/dev']) {
      expect((await run(`echo x > ${place}/canary || echo x > ${place}`)).code).not.toBe(0);
    }
    // Beside the workspace there may be a folder that is its own, in memory; on the disk there is nothing of it.
    await run('echo x > ../canary; echo x > ../other/canary');
    expect(await readdir(base)).toEqual(['other', 'work space']);
    expect(await readdir(join(base, 'other'))).toEqual(['secret']);
  });

  test('has no privileges, and can get none', async ({ skip }) => {
    skip(!isPossible);
    const { run } = await setting();
    const { stdout } = await run('cat /proc/self/status; id -G');
    expect(stdout).toMatch(/CapEff:\s0+$/m);
    expect(stdout).toMatch(/CapBnd:\s0+$/m);
    expect(stdout).toMatch(/NoNewPrivs:\s1$/m);
    expect((await run('unshare --user --map-root-user true')).code).not.toBe(0);
    expect((await run('mount -t tmpfs x /tmp')).code).not.toBe(0);
  });

  test('sees no processes but its own, and none of ours through them', async ({ skip }) => {
    skip(!isPossible);
    const { run } = await setting();
    const { stdout } = await run('ls /proc | grep -c "^[0-9]"; ls /proc/1/root/');
    expect(Number(stdout.split('\n')[0])).toBeLessThan(6);
    expect(stdout).not.toMatch(/^(var|root|home)$/m);
  });

  test('gets its input and its secrets as ever, and its exit code is told', async ({ skip }) => {
    skip(!isPossible);
    const { run } = await setting();
    const pipes = [Buffer.from('hunter2\n')];
    const { stdout, code } = await run('cat; read -r line <&3; echo "$line"; exit 42', {
      pipes,
      input: Buffer.from('in\n'),
    });
    expect(stdout).toBe('in\nhunter2\n');
    expect(code).toBe(42);
  });

  test('ends whole when it is given up, even what has left its group', async ({ skip }) => {
    skip(!isPossible);
    const { run } = await setting();
    const controller = new AbortController();
    const marker = `86${process.pid}`;
    const running = run(`setsid sleep ${marker} & setsid sleep ${marker} & echo started; wait`, {
      signal: controller.signal,
    });
    await expect.poll(() => processesNamed(marker), { timeout: 10_000 }).toBe(2);
    controller.abort(new Error('enough'));
    await running;
    await expect.poll(() => processesNamed(marker), { timeout: 10_000 }).toBe(0);
  });

  test('cannot make itself outlive its end by the daemon', async ({ skip }) => {
    skip(!isPossible);
    const { run } = await setting();
    const controller = new AbortController();
    const marker = `87${process.pid}`;
    const running = run(`exec setsid setpriv --pdeathsig=clear sleep ${marker}`, {
      signal: controller.signal,
    });
    await expect.poll(() => processesNamed(marker), { timeout: 10_000 }).toBe(1);
    controller.abort(new Error('enough'));
    await running;
    await expect.poll(() => processesNamed(marker), { timeout: 10_000 }).toBe(0);
  });

  test('that gives files their owners has that right of root and no other', async ({ skip }) => {
    skip(!isPossible || !isRoot, 'only root gives files to others');
    const { run, workspace } = await setting();
    const keeps = { keeps: 'owners' } as const;
    const { code } = await run('touch theirs && chown 1234:1234 theirs && chmod 4755 theirs', {}, keeps);
    expect(code).toBe(0);
    expect(await stat(join(workspace, 'theirs'))).toMatchObject({ uid: 1234, mode: 0o104755 });
    expect((await run('mknod disk b 8 0', {}, keeps)).code).not.toBe(0);
    expect((await run('touch /usr/canary || touch /etc/canary || touch /canary', {}, keeps)).code).not.toBe(
      0,
    );
    expect((await run('mount -o remount,rw /usr || umount /etc || chroot . true', {}, keeps)).code).not.toBe(
      0,
    );
  });

  test('gets no more memory than it may have, and one that needs little is not disturbed', async ({
    skip,
  }) => {
    skip(!isPossible);
    const { workspace } = await setting();
    const place = withProcesses(newPlace(await temporaryFolder()), {});
    const grow = { program: 'sh', args: ['-c', 'x=$(head -c 300000000 /dev/zero | tr "\\0" x); echo grown'] };
    limitConfined(place.world, { memoryBytes: 64 * 1024 ** 2 });
    const command = await confine(place.world, { ...grow, env: { PATH } }, { writable: workspace });
    const running = world.processes.start(command);
    const [said] = await Promise.all([buffer(running.stdout), buffer(running.stderr)]);
    expect(String(said)).toBe('');
    expect(await running.exit).not.toEqual({ kind: 'code', code: 0 });
    const git = { program: 'git', args: ['--version'], env: { PATH }, cwd: workspace };
    const small = world.processes.start(await confine(place.world, git, { writable: workspace }));
    await Promise.all([buffer(small.stdout), buffer(small.stderr)]);
    expect(await small.exit).toEqual({ kind: 'code', code: 0 });
  });

  test('reads a folder it is given beside them', async ({ skip }) => {
    skip(!isPossible);
    const { run, base } = await setting();
    const readable = [join(base, 'other')];
    expect((await run(`cat ${base}/other/secret`, {}, { readable })).stdout).toBe('canary');
    expect((await run(`echo x > ${base}/other/secret`, {}, { readable })).code).not.toBe(0);
    expect(await readFile(join(base, 'other/secret'), 'utf8')).toBe('canary');
  });

  test('is confined by an ordinary user as well', async ({ skip }) => {
    skip(!isRoot, 'the others show it');
    const base = await temporaryFolder();
    await chmod(base, 0o755);
    const workspace = join(base, 'w');
    await mkdir(workspace);
    execFileSync('chown', ['65534:65534', workspace]);
    const surroundings = await surroundingsOf(world.files);
    const command = { program: 'sh', args: ['-c', 'touch a && ! touch /etc/x && ls /'], env: { PATH } };
    const run = confined(
      { mode: 'user', surroundings },
      { ...command, cwd: workspace },
      { writable: workspace },
    );
    const running = world.processes.start({ ...run, uid: 65534, gid: 65534 });
    const [stdout, stderr] = await Promise.all([buffer(running.stdout), buffer(running.stderr)]);
    const exit = await running.exit;
    skip(/Operation not permitted|Permission denied/.test(String(stderr)) && String(stdout) === '');
    expect({ exit, stderr: String(stderr) }).toMatchObject({ exit: { kind: 'code', code: 0 } });
    expect(String(stdout)).not.toMatch(/^var$/m);
    expect((await stat(join(workspace, 'a'))).uid).toBe(65534);
  });
});

function processesNamed(marker: string): number {
  try {
    return Number(execFileSync('pgrep', ['-fc', `^sleep ${marker}`], { encoding: 'utf8' }));
  } catch {
    return 0;
  }
}

async function setting() {
  const base = await temporaryFolder();
  await chmod(base, 0o755);
  // Blanks are worth a test: mounts are told by lines of words.
  const workspace = join(base, 'work space');
  await mkdir(join(base, 'other'));
  await mkdir(workspace);
  await writeFile(join(base, 'other/secret'), 'canary');
  if (contentUser !== undefined) {
    for (const path of [workspace, join(base, 'other'), join(base, 'other/secret')]) {
      await world.files.chown(path, contentUser.uid, contentUser.gid);
    }
  }
  const run = async (
    script: string,
    more: Partial<ProcessCommand> = {},
    options: Partial<ConfineOptions> = {},
  ) => {
    const command = { program: 'sh', args: ['-c', script], env: { PATH }, cwd: workspace, ...more };
    const owner = options.keeps === 'owners' ? {} : (contentUser ?? {});
    const running = world.processes.start(
      await confine(world, { ...command, ...owner }, { writable: workspace, ...options }),
    );
    const [stdout] = await Promise.all([buffer(running.stdout), buffer(running.stderr)]);
    const exit = await running.exit;
    return { stdout: String(stdout), code: exit.kind === 'code' ? exit.code : undefined };
  };
  return { base, workspace, run };
}
