import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ProgramContext, SimulatedProgram } from '../program.js';
import { REPOSITORY_FILE_BYTES } from './bounds.js';
import { write } from './write.js';

/**
 * Git as far as our content code uses it. Every URL is a repository with one commit on `main` and every branch
 * asked for, except that URLs and branches with `missing` in their name do not exist.
 */
export const git: SimulatedProgram = async (context) => {
  const { command, args, folder } = parse(context);
  switch (command) {
    case 'clone':
      return clone(context, args);
    case 'status':
      return status(context, folder);
    case 'checkout':
      return checkout(context, folder, args);
    case 'ls-remote':
      return args.some((arg) => arg.includes('missing')) ? 2 : 0;
    case 'rev-parse':
      return revParse(context, folder, args);
    case 'symbolic-ref':
      return symbolicRef(context, folder);
    case 'stash':
      await write(context.stdout, 'No local changes to save\n', context.signal);
      return 0;
    case 'config':
    case 'reset':
    case 'fetch':
    case 'cat-file':
    case 'remote':
    case 'log':
    case 'ls-files':
    case 'submodule':
      return 0;
    default:
      return fail(context, `git: '${command}' is not a git command`);
  }
};

interface Parsed {
  readonly command: string;
  readonly args: readonly string[];
  /** Of the working copy. */
  readonly folder: string;
}

/** Past the options that come before the command. */
function parse(context: ProgramContext): Parsed {
  const { args } = context;
  let folder = context.cwd;
  let index = 0;
  for (; args[index]?.startsWith('-'); index += 1) {
    const option = args[index] ?? '';
    if (option === '-c') index += 1;
    if (option.startsWith('--work-tree=')) folder = option.slice('--work-tree='.length);
  }
  return { command: args[index] ?? '', args: args.slice(index + 1), folder };
}

async function clone(context: ProgramContext, args: readonly string[]): Promise<number> {
  const { files, cwd } = context;
  const url = args[args.indexOf('--') + 1] ?? '';
  if (url.includes('missing')) return fail(context, `fatal: repository '${url}' not found`);
  await files.makeDirectory(join(cwd, '.git'));
  await files.write(join(cwd, '.git/HEAD'), 'ref: refs/heads/main\n');
  await files.write(join(cwd, '.git/origin'), `${createHash('sha1').update(url).digest('hex')}\n`);
  await files.write(join(cwd, 'README.md'), `# ${url}\n`);
  return 0;
}

async function checkout(context: ProgramContext, folder: string, args: readonly string[]): Promise<number> {
  const branch = args[args.indexOf('-B') + 1];
  const head = args.includes('-B') ? `ref: refs/heads/${branch}` : (args.at(-1) ?? '');
  await context.files.write(join(folder, '.git/HEAD'), `${head}\n`);
  return 0;
}

/** Every name is the one commit there is, except that a commit's hash is itself. */
async function revParse(context: ProgramContext, folder: string, args: readonly string[]): Promise<number> {
  const { stdout, signal } = context;
  if (args.includes('--abbrev-ref')) await write(stdout, 'origin/main\n', signal);
  else if (args.includes('--is-shallow-repository')) await write(stdout, 'true\n', signal);
  else {
    const name = args.at(-1)?.replace(/\^\{commit\}$/, '') ?? '';
    const { head, commit } = await headOf(context, folder);
    const answer = /^[0-9a-f]{7,}$/.test(name)
      ? name
      : name === 'HEAD' && /^[0-9a-f]+$/.test(head)
        ? head
        : commit;
    await write(stdout, `${answer}\n`, signal);
  }
  return 0;
}

async function symbolicRef(context: ProgramContext, folder: string): Promise<number> {
  const { head } = await headOf(context, folder);
  if (!head.startsWith('ref: ')) return 1;
  await write(context.stdout, `${head.slice('ref: '.length)}\n`, context.signal);
  return 0;
}

async function headOf({ files }: ProgramContext, folder: string) {
  const text = async (name: string) =>
    (await files.read(join(folder, '.git', name), REPOSITORY_FILE_BYTES)).toString('utf8').trim();
  return { head: await text('HEAD'), commit: await text('origin') };
}

/** Everything beside what the clone brought is untracked. */
async function status(context: ProgramContext, folder: string): Promise<number> {
  const { files, stdout, signal } = context;
  const path = join(folder, '.git/HEAD');
  if ((await files.stat(path)) === undefined) return fail(context, 'fatal: not a git repository');
  const { head, commit } = await headOf(context, folder);
  const branch = head.startsWith('ref: ') ? head.slice('ref: refs/heads/'.length) : '(detached)';
  const names = (await files.list(folder)).map(({ name }) => name).sort();
  const untracked = names.filter((name) => name !== '.git' && name !== 'README.md');
  const records = [
    `# branch.oid ${commit}`,
    `# branch.head ${branch}`,
    ...untracked.map((name) => `? ${name}`),
  ];
  await write(stdout, records.map((record) => `${record}\0`).join(''), signal);
  return 0;
}

async function fail(context: ProgramContext, message: string): Promise<number> {
  await write(context.stderr, `${message}\n`, context.signal);
  return 128;
}
