import { type Command, Option } from 'commander';
import { configJsonSchema, hasSections } from '../config/load-config.js';
import type { Program } from '../config/state-folder.js';
import { StewardError } from '../errors/steward-error.js';
import { PROGRAMS } from './places.js';
import { type LocalSchemas, loadProgramConfig, localSchemas } from './program-config.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

interface ConfigOptions {
  readonly program?: Program;
}

export function addConfig(program: Command, run: RunVerb): void {
  const config = program.command('config').description('check configuration files');
  config
    .command('check')
    .description('say what is wrong with a configuration file, of one program or of `steward up`, key by key')
    .argument(
      '<file>',
      'JSON file; with `daemon`, `manager` or `bridge` in it, what each is told under its name',
    )
    .addOption(programOption())
    .addHelpText('after', example('steward config check --program daemon daemon.json'))
    .action((file: string, options: ConfigOptions, command: Command) =>
      run(command, (session) => check(session, file, options.program)),
    );
  config
    .command('schema')
    .description('print the JSON Schema of a configuration, for editors')
    .addOption(programOption())
    .addHelpText('after', example('steward config schema --program daemon > daemon.schema.json'))
    .action(({ program: name }: ConfigOptions, command: Command) =>
      run(command, (session) => schema(session, name ?? 'daemon')),
    );
}

function programOption(): Option {
  return new Option(
    '--program <program>',
    'whose configuration (default: as the file is named, else daemon)',
  ).choices([...PROGRAMS]);
}

/** `bridge.json`, `my-bridge.prod.json` are the bridge's. */
function programOf(file: string): Program {
  const name = file.split('/').at(-1) ?? '';
  return PROGRAMS.find((program) => name.includes(program)) ?? 'daemon';
}

/** The file alone: what the environment says here may not be what it says where the program runs. */
async function check(session: Session, file: string, asked: Program | undefined) {
  const { cli, show, places } = session;
  const schemas = await localSchemas(cli, places);
  if (asked === undefined && (await hasSections(cli.world.files, file, PROGRAMS))) {
    return checkShared(session, file, schemas);
  }
  const program = asked ?? programOf(file);
  await loadProgramConfig(cli.world, {}, program, schemas[program], file);
  show.result({ file, program, valid: true }, [`${file} is a valid configuration of the ${program}.`]);
  return undefined;
}

/** The file of `steward up`: each program takes what stands under its name. */
async function checkShared({ cli, show }: Session, file: string, schemas: LocalSchemas) {
  const problems: string[] = [];
  for (const program of PROGRAMS) {
    try {
      await loadProgramConfig(cli.world, {}, program, schemas[program], file, true);
    } catch (error) {
      if (!(error instanceof StewardError) || error.code !== 'invalid-config') throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new StewardError('invalid-config', [...new Set(problems)].join('\n'));
  const names = PROGRAMS.join(', ');
  show.result({ file, programs: [...PROGRAMS], valid: true }, [
    `${file} is a valid configuration of ${names}.`,
  ]);
  return undefined;
}

async function schema(session: Session, program: Program) {
  const schemas = await localSchemas(session.cli, session.places);
  const json = configJsonSchema(schemas[program]);
  session.show.result(json, [JSON.stringify(json, null, 2)]);
  return undefined;
}
