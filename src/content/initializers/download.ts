import { dirname, join } from 'node:path';
import { toStewardError } from '../../errors/steward-error.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { FileDownloadInitializer } from '../../gen/content-service-api/initializer.js';
import { makePlainFolder } from '../checkout-location.js';
import { DOWNLOAD_DEADLINE_MS } from './bounds.js';
import { type FileRequest, fileRequests } from './download-request.js';
import { Allowance, fetchFile } from './fetch-file.js';
import type { InitializeContext, Initialized, InitializerPlan } from './plan.js';

/** Permissions of downloaded files. */
const FILE_MODE = 0o644;

/** Files from web servers, each proven by its digest. */
export function planDownload(input: FileDownloadInitializer, field: string): InitializerPlan {
  const files = fileRequests(input, field);
  return {
    kind: 'download',
    description: `${files.length} file${files.length === 1 ? '' : 's'} from the web`,
    checkoutLocations: [],
    run: (context) => run(files, context),
  };
}

async function run(requests: readonly FileRequest[], context: InitializeContext): Promise<Initialized> {
  const { clock } = context.world;
  const start = clock.monotonic();
  const allowance = new Allowance(context);
  await withDeadline(clock, DOWNLOAD_DEADLINE_MS, 'the download', context.signal, async (signal) => {
    for (const request of requests) await put(request, { ...context, signal }, allowance);
  });
  const metric = {
    type: 'fileDownload',
    durationMs: clock.monotonic() - start,
    sizeBytes: allowance.usedBytes,
  };
  return { source: 'from-other', metrics: [metric], warnings: [] };
}

/** Under a name of its own until it is whole: what has the right name is the right file. */
async function put(request: FileRequest, context: InitializeContext, allowance: Allowance): Promise<void> {
  const { folder, user, world } = context;
  const { files, random } = world;
  const location = dirname(request.path) === '.' ? '' : dirname(request.path);
  const into = await makePlainFolder(files, folder, location, user);
  const temporary = join(into, `.download-${random.uuid()}`);
  try {
    await fetchFile(request, temporary, context, allowance);
    await files.chmod(temporary, FILE_MODE);
    await files.rename(temporary, join(folder, request.path));
  } catch (error) {
    await files.remove(temporary);
    throw toStewardError(error, 'content-initialization-failed');
  }
}
