import type { Command } from 'commander';
import { Option } from 'commander';
import type { Files } from '../gateways/files.js';
import { downloadArgument } from './arguments.js';
import { initializerFile } from './initializer-file.js';
import type { ContentOptions } from './initializer-options.js';

/** The options as they come from the command line. */
export interface ContentFlags extends Omit<ContentOptions, 'composed'> {
  readonly initializer?: string;
}

/** The options that name a source of content, for every verb that makes some. */
export function addContentOptions(command: Command, lastBackup: string): Command {
  return command
    .option('--git <url>', 'content: clone this repository')
    .option('--branch <name>', '  this branch of it')
    .option('--commit <hash>', '  this commit of it')
    .option('--full-clone', '  with its whole history')
    .option('--checkout-location <folder>', '  into this folder of the workspace (default: its name)')
    .option('--empty', 'content: nothing')
    .option('--snapshot <url>', 'content: this snapshot, or the URL of a version')
    .addOption(new Option('--from-snapshot <url>', 'the same').hideHelp())
    .option('--prebuild <url>', 'content: this prebuild, with --git brought to that state')
    .addOption(
      new Option(
        '--download <url=path#digest>',
        'content: this file under that path, proven by its digest (sha256:…); may be repeated',
      ).argParser(downloadArgument),
    )
    .option('--from-backup', `content: ${lastBackup}`)
    .option(
      '--initializer <file>',
      "content: what this file says, a WorkspaceInitializer in protobuf's JSON",
    );
}

/** The options with what their file holds. */
export async function contentOptions(files: Files, options: ContentFlags): Promise<ContentOptions> {
  const { initializer, ...rest } = options;
  return initializer === undefined ? rest : { ...rest, composed: await initializerFile(files, initializer) };
}
