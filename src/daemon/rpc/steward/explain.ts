import { HISTORY_READ_MAX } from '../../../explanation/bounds.js';
import { explainResponse } from '../../../explanation/response.js';
import type { ExplainRequest, ExplainResponse } from '../../../gen/steward/v1/content_service.js';
import { requiredInstanceId } from '../../../grpc/validation.js';
import { wireTransition } from '../../../telemetry/wire-transition.js';
import { contentOf } from './get-content.js';
import type { StewardContentOptions } from './options.js';

/** Why the content of an instance is where it is. Whose content it is, the manager explains. */
export async function explainContent(
  options: StewardContentOptions,
  request: ExplainRequest,
): Promise<ExplainResponse> {
  const { core, node, place } = options;
  const id = requiredInstanceId(request.instanceId, 'instance_id');
  const content = contentOf(options, id);
  const history = await core.publisher.history(id, HISTORY_READ_MAX);
  return explainResponse({
    id,
    now: place.world.clock.now(),
    content,
    instance: undefined,
    transitions: history.map((transition) => wireTransition(transition, node)),
    unasked: '',
  });
}
