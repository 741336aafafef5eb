import type { SimulatedPrograms } from '../processes.js';
import { cp } from './cp.js';
import { dd } from './dd.js';
import { find } from './find.js';
import { git } from './git.js';
import { sync } from './sync.js';
import { tar } from './tar.js';
import { zstd } from './zstd.js';

/** What a machine that keeps workspaces has installed. */
export const workspacePrograms: SimulatedPrograms = {
  cp,
  dd,
  find,
  git,
  // Only as the one that starts git: `sh -c <script> git <arguments>`.
  sh: (context) => git({ ...context, args: context.args.slice(3) }),
  sync,
  tar,
  // What the simulated tar writes is not really compressed.
  zstd,
};
