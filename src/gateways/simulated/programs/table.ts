import type { SimulatedPrograms } from '../processes.js';
import { cp } from './cp.js';
import { dd } from './dd.js';
import { find } from './find.js';
import { git } from './git.js';
import { putInto, rm } from './put-into.js';
import { sync } from './sync.js';
import { tar } from './tar.js';
import { zstd } from './zstd.js';

/** What a machine that keeps workspaces has installed. */
export const workspacePrograms: SimulatedPrograms = {
  cp,
  dd,
  find,
  git,
  rm,
  // As the one that starts git, `sh -c <script> git <arguments>`, and as the one that puts things into content.
  sh: (context) =>
    context.args[2] === 'git' ? git({ ...context, args: context.args.slice(3) }) : putInto(context),
  sync,
  tar,
  // What the simulated tar writes is not really compressed.
  zstd,
};
