import { RealFiles } from '../../src/gateways/real/files.js';
import { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import { SimulatedFiles } from '../../src/gateways/simulated/files.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { conformsToFiles } from './files-conformance.js';

conformsToFiles('the machine', async () => ({ files: new RealFiles(), root: await temporaryFolder() }));

conformsToFiles('memory', async () => {
  const files = new SimulatedFiles(new SimulatedClock());
  await files.makeDirectory('/work');
  return { files, root: '/work' };
});
