import { runGit } from '../../../src/content/git.js';
import { contentUser, newPlace, noAbort, withProcesses } from './place.js';

/** Clones from a server that never answers, tells the process group, and waits to be killed. */
const [folder = '', port = ''] = process.argv.slice(2);
const place = newPlace('/nowhere');
const { processes } = place.world;
const { world } = withProcesses(place, {
  start: (command) => {
    const running = processes.start(command);
    if (command.args.includes('clone')) process.stdout.write(`${running.pid}\n`);
    return running;
  },
});
await runGit(world, {
  args: ['-c', 'protocol.git.allow=always', 'clone', '--', `git://127.0.0.1:${port}/x`, '.'],
  folder,
  root: folder,
  user: contentUser,
  signal: noAbort(),
});
