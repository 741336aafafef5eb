import { dirname, join } from 'node:path';
import { READY_MARKER } from '../../content/ready-marker.js';
import type { Files } from '../../gateways/files.js';

/**
 * Whether the inside knows that its content is ready. A set-up ends with a folder, or nothing, under the marker
 * folder's name; anything else was put there by the inside, which so has been at work. It belongs to the
 * workspace, so it is not followed: it may lead anywhere, or round in circles.
 */
export async function isAnnounced(files: Files, folder: string): Promise<boolean> {
  const markers = await files.stat(join(folder, dirname(READY_MARKER)));
  if (markers === undefined) return false;
  return markers.kind !== 'directory' || (await files.stat(join(folder, READY_MARKER))) !== undefined;
}
