import { StewardError } from '../../../errors/steward-error.js';
import type { RecoverRequest, RecoverResponse } from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { requiredInstanceId, requiredMessage, requiredText } from '../../../grpc/validation.js';
import { boundedText } from '../../effects/bounded.js';
import { disposeAnswer } from '../answers.js';
import { contentOf } from './get-content.js';
import type { StewardContentOptions } from './options.js';

/** What a person decided about an instance that cannot go on by itself; who and why is kept in its history. */
export async function recover(
  options: StewardContentOptions,
  request: RecoverRequest,
  call: CallContext,
): Promise<RecoverResponse> {
  const { core, place } = options;
  const { clock } = place.world;
  const id = requiredInstanceId(request.instanceId, 'instance_id');
  const reason = requiredText(request.reason, 'reason');
  const action = requiredMessage(request.action, 'action');
  if (action.$case === 'abandon' && action.value.confirmInstanceId !== id) {
    throw new StewardError('invalid-argument', 'abandon.confirm_instance_id is not the instance_id');
  }
  // Throws for what is unknown or over.
  contentOf(options, id);
  const instance = id;
  const note = (to: string) =>
    core.publisher.publish(
      {
        ...{ at: clock.now(), instance, actor: 'person', from: 'asked', to },
        ...{ cause: 'Recover', detail: `${reason} (by ${call.peer})` },
      },
      { durable: true },
    );
  switch (action.$case) {
    case 'retry':
      note('retry');
      await core.instances.retry(instance);
      break;
    case 'park':
      note('park');
      await core.instances.park(instance, boundedText(reason));
      break;
    case 'resume':
      note('resume');
      await core.instances.resume(instance);
      break;
    case 'abandon': {
      note('abandon');
      await core.instances.resume(instance);
      const live = await core.instances.listening(instance, 'dispose', call.signal);
      const pausesBefore = live.view.context.pauses;
      live.send({
        type: 'DISPOSE',
        at: clock.now(),
        disposal: {
          ...{ backup: false, backupLogs: false, acceptShrink: false },
          reason: `Recover.abandon from ${call.peer}: ${reason}`,
        },
      });
      await live.waitFor((view) => disposeAnswer(view, pausesBefore, false), call.signal);
    }
  }
  return { content: contentOf(options, id) };
}
