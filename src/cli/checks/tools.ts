import type { World } from '../../gateways/world.js';
import { type Finding, missing, ok, warning } from './check.js';
import { tryTool } from './trial.js';

type ToolWorld = Pick<World, 'clock' | 'processes'>;

/** Programs content needs, then those that make more possible. */
export async function checkTools(world: ToolWorld, isRoot: boolean): Promise<readonly Finding[]> {
  return Promise.all([
    checkTar(world),
    checkGit(world),
    checkSync(world),
    checkZstd(world),
    checkOptional(world, 'setpriv', 'util-linux', 'workspace commands run without dropping capabilities'),
    checkOptional(world, 'script', 'util-linux', '`exec --tty` is refused: it gives commands their terminal'),
    checkOptional(world, 'stdbuf', 'coreutils', 'output of commands comes to `logs` in larger pieces'),
    checkOptional(world, 'ssh', 'openssh-client', 'repositories cannot be cloned by ssh'),
    checkOptional(world, 'git-lfs', 'git-lfs', 'large files of repositories stay pointers'),
    checkUserNamespaces(world, isRoot),
    checkOptional(world, 'ip', 'iproute2', 'workspaces get no network of their own'),
    checkOptional(world, 'nft', 'nftables', 'workspaces get no firewall of their own'),
  ]);
}

async function checkTar(world: ToolWorld): Promise<Finding> {
  const { isOk, stdout } = await tryTool(world, 'tar', ['--version']);
  const [version = ''] = stdout.split('\n');
  if (isOk && version.includes('GNU tar')) return ok('tar', version);
  const found = isOk ? `${version}, not GNU tar` : 'not found';
  return missing('tar', found, 'Install GNU tar: backups are made with it (Debian: apt-get install tar).');
}

async function checkGit(world: ToolWorld): Promise<Finding> {
  const { isOk, stdout } = await tryTool(world, 'git', ['--version']);
  if (isOk) return ok('git', stdout.trim());
  return missing('git', 'not found', 'Install git (Debian: apt-get install git).');
}

/** Content counts as stored only once the disk has it, and that of one file system is asked for by `sync -f`. */
async function checkSync(world: ToolWorld): Promise<Finding> {
  const { isOk, stdout } = await tryTool(world, 'sync', ['--version']);
  const [version = ''] = stdout.split('\n');
  if (isOk && version.includes('GNU coreutils')) return ok('sync', version);
  const found = isOk ? `${version}, which may not know -f` : 'not found';
  return missing('sync', found, 'Install GNU coreutils (Debian: apt-get install coreutils).');
}

async function checkZstd(world: ToolWorld): Promise<Finding> {
  const path = await world.processes.find('zstd');
  if (path !== undefined) return ok('zstd', path);
  const remedy =
    'Archives are written with gzip, which is slower: install zstd (Debian: apt-get install zstd).';
  return warning('zstd', 'not found', remedy);
}

async function checkOptional(
  world: ToolWorld,
  tool: string,
  pack: string,
  without: string,
): Promise<Finding> {
  const path = await world.processes.find(tool);
  if (path !== undefined) return ok(tool, path);
  return warning(
    tool,
    'not found',
    `Without it ${without}: install ${pack} (Debian: apt-get install ${pack}).`,
  );
}

async function checkUserNamespaces(world: ToolWorld, isRoot: boolean): Promise<Finding> {
  const name = 'user namespaces';
  if ((await world.processes.find('unshare')) === undefined) {
    return warning(name, 'unshare not found', 'Install util-linux (Debian: apt-get install util-linux).');
  }
  const { isOk, stderr } = await tryTool(world, 'unshare', ['--user', '--map-root-user', 'true']);
  if (isOk) return ok(name, 'can be made');
  const [reason = ''] = stderr.trim().split('\n');
  const remedy = isRoot
    ? 'The container or kernel forbids them: check user.max_user_namespaces and the container’s profile.'
    : 'Allow them: sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns.';
  return warning(name, reason || 'refused', `Workspaces are not isolated by user namespaces. ${remedy}`);
}
