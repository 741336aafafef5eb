import type { Logger } from 'pino';
import { parseJson } from '../config/parse-json.js';
import type { EventPublisher } from '../events/event-publisher.js';

/** Tells beginnings and ends of lives in the log, for whatever collects it. */
export function lifecycleLog(logger: Logger): EventPublisher {
  return {
    publish: async ({ key, payload }) => {
      logger.info({ instance: key, lifecycle: parseJson(payload) }, 'lifecycle');
    },
  };
}
