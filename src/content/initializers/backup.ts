import { StewardError } from '../../errors/steward-error.js';
import type { FromBackupInitializer } from '../../gen/content-service-api/initializer.js';
import { checkedLocation } from '../checkout-location.js';
import type { InitializerPlan } from './plan.js';

/**
 * The workspace's own newest backup. A committed backup is restored before any initializer is asked, so when this
 * one runs there is none; content that comes from a volume is already there.
 */
export function planBackup(input: FromBackupInitializer, place: string): InitializerPlan {
  return {
    kind: 'backup',
    description: 'the newest backup of the workspace',
    checkoutLocations: [checkedLocation(input.checkoutLocation, `${place}.backup.checkout_location`)],
    run: async () => {
      if (input.fromVolumeSnapshot) return { source: 'from-backup', metrics: [], warnings: [] };
      throw new StewardError('backup-not-found', 'no backup found for this workspace');
    },
  };
}
