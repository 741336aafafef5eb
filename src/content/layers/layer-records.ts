import { z } from 'zod';
import { type InstanceId, isInstanceId } from '../../../machines/ids.js';
import type { RecordSchema } from '../../records/schema.js';

const count = z.int().nonnegative();

const layer = z.object({
  /** What was unpacked: a digest over the snapshot's own. */
  key: z.string().regex(/^[0-9a-f]{64}$/),
  createdAtMs: count,
  usedAtMs: count,
  entries: count,
  bytes: count,
  /** Seal over the tree as it was when it became a layer. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Whether files have several names; not known of layers that an older version made. */
  hasLinkedFiles: z.boolean().default(true),
  /** Given to nobody any more, because it is not what it was. */
  isSuspect: z.boolean(),
});

const instance = z.custom<InstanceId>((value) => typeof value === 'string' && isInstanceId(value));
const use = z.object({ instance, key: z.string().min(1), since: count });

/** An unpacked snapshot. Written last: a tree without it is rubbish. */
export type Layer = Readonly<z.infer<typeof layer>>;

/** One instance whose content needs a layer below it for as long as it exists. Written before the mount. */
export type LayerUse = Readonly<z.infer<typeof use>>;

export const layerSchema: RecordSchema<Layer> = {
  version: 1,
  migrations: {},
  parse: (body) => layer.parse(body),
};

export const layerUseSchema: RecordSchema<LayerUse> = {
  version: 1,
  migrations: {},
  parse: (body) => use.parse(body),
};
