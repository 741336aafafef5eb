import { StewardError } from '../errors/steward-error.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { WorkspaceManagerService, type WorkspaceStatus } from '../gen/ws-manager-api/core.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import type { AnswerStream } from '../grpc/client-stream.js';
import { formatTimeOfDay } from './format.js';
import { plainText } from './plain-text.js';
import { progressText } from './progress-text.js';
import type { Session } from './session.js';
import { transitionLine } from './transition-line.js';
import { phaseName } from './wire-names.js';

/**
 * Shows the transitions of an instance's content on stderr while `work` goes on. `work` begins when the stream
 * stands, so that none is missed; without a stream it goes on all the same, and says so.
 */
export async function showingTransitions<Result>(
  session: Session,
  manager: Channel,
  instance: string,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!session.show.wantsProgress) return work();
  const content = createClient(ContentServiceService, manager);
  const request = {
    fromSequence: undefined,
    fromSequenceByNode: {},
    instanceIds: [instance],
    follow: true,
  };
  const stream = content.watchTransitions(request, { signal: session.cli.interrupted });
  const standing = printTransitions(session, stream);
  await standing.begun;
  try {
    return await work();
  } finally {
    stream.cancel();
    await standing.ended;
    session.show.live(undefined);
  }
}

/** Whose own transitions come in a stream of their own, which stands before that of the content does. */
const MANAGER_NODE = 'manager';

type TransitionStream = ReturnType<
  ReturnType<typeof createClient<ContentServiceService>>['watchTransitions']
>;

function printTransitions(session: Session, stream: TransitionStream) {
  const { show } = session;
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const read = async () => {
    for await (const { event } of stream) {
      if (event?.$case === 'caughtUp' && event.value.node !== MANAGER_NODE) begin();
      if (event?.$case === 'progress') show.live(progressText(event.value, show.noteStyle));
      if (event?.$case === 'transition') show.note(transitionLine(event.value, show.noteStyle));
    }
  };
  const ended = read().catch((thrown: unknown) => {
    // The work itself meets a program that is away, too, and says more.
    if (thrown instanceof StewardError && (thrown.code === 'cancelled' || thrown.code === 'unavailable'))
      return;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    show.note(show.noteStyle.dim(`(transitions cannot be shown: ${plainText(reason)})`));
  });
  return { begun: Promise.race([begun, ended]), ended };
}

/**
 * Runs `work` with a stream of statuses that stands before it begins, so that nothing that follows is missed. The
 * stream is cancelled in the end: an open one would keep the process.
 */
export async function withStatuses<Result>(
  session: Session,
  manager: Channel,
  work: (statuses: StatusStream) => Promise<Result>,
): Promise<Result> {
  const client = createClient(WorkspaceManagerService, manager);
  const stream = client.subscribe({ mustMatch: undefined }, session.longCall);
  try {
    await stream.started;
    return await work(stream);
  } finally {
    stream.cancel();
  }
}

export type StatusStream = AnswerStream<{ readonly status: WorkspaceStatus | undefined }>;

/**
 * The first status of the instance for which `isEnd` holds; its phases are shown as they come. Throws
 * `unavailable` when the stream ends before that.
 */
export async function awaitStatus(
  session: Session,
  statuses: StatusStream,
  instance: string,
  isEnd: (status: WorkspaceStatus) => boolean,
): Promise<WorkspaceStatus> {
  const { show, cli } = session;
  let shown = '';
  for await (const { status } of statuses) {
    if (status === undefined || status.id !== instance) continue;
    const phase = phaseName(status.phase);
    if (phase !== shown) {
      const time = show.noteStyle.dim(formatTimeOfDay(cli.world.clock.now()));
      show.note(`${time}  ${'phase'.padEnd(8)}  ${show.noteStyle.bold(phase)}`);
    }
    shown = phase;
    if (isEnd(status)) return status;
  }
  throw new StewardError(
    'unavailable',
    `the manager ended the stream of statuses while ${instance} was ${shown === '' ? 'not yet known' : shown}`,
  );
}
