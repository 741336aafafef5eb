import { z } from 'zod';
import { size } from '../config/fields.js';
import { LAYERS_BYTES, LAYERS_MAX } from '../content/layers/bounds.js';

/** Unpacked snapshots that are kept on the node, so that instances start from them without fetching. */
export const layersSchema = z
  .strictObject({
    /** How instances get their content; `auto` takes the best that works here, `off` keeps none. */
    method: z.enum(['auto', 'btrfs', 'overlay', 'reflink', 'copy', 'off']).default('auto'),
    /** Of all of them together. What instances stand on stays whatever this says. */
    maxBytes: size().default(LAYERS_BYTES),
    maxLayers: z.int().min(1).max(1000).default(LAYERS_MAX),
  })
  .prefault({});
