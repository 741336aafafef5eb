import type { Command } from 'commander';
import { checkCgroups } from './checks/cgroups.js';
import { type Finding, ok, warning } from './checks/check.js';
import { checkConfinement } from './checks/confinement.js';
import { checkNode } from './checks/node-version.js';
import { checkPrograms } from './checks/programs.js';
import { checkStorage } from './checks/storage.js';
import { checkTools } from './checks/tools.js';
import { EXIT } from './exit-code.js';
import { plainText } from './plain-text.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import type { Style } from './style.js';

export function addDoctor(program: Command, run: RunVerb): void {
  program
    .command('doctor')
    .description(
      `check what this machine can do; exit code ${EXIT.failure} when something required is missing`,
    )
    .addHelpText('after', example('steward doctor', 'steward doctor --json'))
    .action((_: object, command: Command) => run(command, doctor));
}

async function doctor(session: Session) {
  const { cli, show, places } = session;
  const isRoot = cli.user.uid === 0;
  const findings = [
    checkPlatform(),
    checkNode(process.versions.node),
    checkUser(cli.user.uid, cli.userName),
    ...(await checkTools(cli.world, isRoot)),
    await checkConfinement(cli.world),
    await checkCgroups(cli.world, isRoot),
    ...(await checkStorage(cli.world, places.stateFolder)),
    ...(await checkPrograms(session)),
  ];
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const finding of findings) show.result(finding, findingLines(finding, width, show.style));
  const missing = findings.filter(({ verdict }) => verdict === 'missing').length;
  const warnings = findings.filter(({ verdict }) => verdict === 'warning').length;
  if (missing > 0) show.note(`\n${missing} required thing(s) missing, ${warnings} warning(s).`);
  else show.note(`\nThis machine can run Steward${warnings === 0 ? '.' : `, with ${warnings} warning(s).`}`);
  return missing > 0 ? EXIT.failure : undefined;
}

function checkPlatform(): Finding {
  if (process.platform === 'linux') return ok('system', `linux ${process.arch}`);
  const remedy = 'The command works against other machines; the daemon needs Linux.';
  return { name: 'system', verdict: 'missing', found: process.platform, remedy };
}

function checkUser(uid: number, name: string): Finding {
  if (uid === 0) return ok('user', `${name} (root): content gets an owner of its own`);
  const remedy = 'Content and commands belong to you; only root can give workspaces an owner of their own.';
  return warning('user', `${name} (${uid})`, remedy);
}

function findingLines(
  { name, verdict, found, remedy }: Finding,
  width: number,
  style: Style,
): readonly string[] {
  const mark = { ok: style.green('ok'), warning: style.yellow('warning'), missing: style.red('missing') }[
    verdict
  ];
  const blank = ' '.repeat('warning'.length - verdict.length);
  const line = `${mark}${blank}  ${name.padEnd(width)}  ${plainText(found)}`;
  return remedy === '' ? [line] : [line, `${' '.repeat(9)}${style.dim(`→ ${plainText(remedy)}`)}`];
}
