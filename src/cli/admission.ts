import { Argument, type Command } from 'commander';
import { AdmissionLevel, WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

const LEVELS = {
  owner: AdmissionLevel.ADMIT_OWNER_ONLY,
  everyone: AdmissionLevel.ADMIT_EVERYONE,
} as const;

type LevelName = keyof typeof LEVELS;

export function addAdmission(program: Command, run: RunVerb): void {
  program
    .command('admission')
    .description('show or set who may enter an instance')
    .argument('<instance>', 'instance id', idArgument)
    .addArgument(new Argument('[level]', 'who may enter').choices(Object.keys(LEVELS)))
    .addHelpText('after', example('steward admission 0b5c…', 'steward admission 0b5c… everyone'))
    .action((id: string, level: LevelName | undefined, _options: object, command: Command) =>
      run(command, (session) => admission(session, id, level)),
    );
}

async function admission(session: Session, id: string, wanted: LevelName | undefined) {
  const client = createClient(WorkspaceManagerService, await session.channel('manager'));
  if (wanted !== undefined) await client.controlAdmission({ id, level: LEVELS[wanted] }, session.call);
  const { status } = await client.describeWorkspace({ id }, session.call);
  const isOpen = status?.auth?.admission === AdmissionLevel.ADMIT_EVERYONE;
  const who = isOpen ? 'everyone who knows where it is' : 'its owner only';
  session.show.result({ instance: id, admission: isOpen ? 'everyone' : 'owner' }, [`${id} admits ${who}.`]);
  return undefined;
}
