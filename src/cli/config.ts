import { type Command, Option } from 'commander';
import { configJsonSchema } from '../config/load-config.js';
import type { Program } from '../config/state-folder.js';
import { PROGRAMS } from './places.js';
import { loadProgramConfig, localSchemas } from './program-config.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

interface ConfigOptions {
  readonly program?: Program;
}

export function addConfig(program: Command, run: RunVerb): void {
  const config = program.command('config').description('check configuration files');
  config
    .command('check')
    .description('say what is wrong with a configuration file, key by key')
    .argument('<file>', 'JSON file')
    .addOption(programOption())
    .addHelpText('after', example('steward config check --program daemon daemon.json'))
    .action((file: string, options: ConfigOptions, command: Command) =>
      run(command, (session) => check(session, file, options.program ?? programOf(file))),
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
async function check(session: Session, file: string, program: Program) {
  const { cli, show, places } = session;
  const schemas = await localSchemas(cli, places);
  await loadProgramConfig(cli.world, {}, program, schemas[program], file);
  show.result({ file, program, valid: true }, [`${file} is a valid configuration of the ${program}.`]);
  return undefined;
}

async function schema(session: Session, program: Program) {
  const schemas = await localSchemas(session.cli, session.places);
  const json = configJsonSchema(schemas[program]);
  session.show.result(json, [JSON.stringify(json, null, 2)]);
  return undefined;
}
