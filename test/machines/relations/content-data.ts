/** The data that the relation of the content machine is tried with. */
import { type AttachmentStep, attachmentLimits } from '../../../machines/attachment.js';
import { backupTimerLimits } from '../../../machines/backup-timer-steps.js';
import type { Attachment, RecordedAttachment } from '../../../machines/content-attachments.js';
import type {
  BackupReference,
  ContentContext,
  ContentLimits,
  Disposal,
  GitReport,
  Identity,
  RecordedStep,
  SetupRequest,
  SetupResult,
} from '../../../machines/content-types.js';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import type { Start } from '../harness/spec.js';

export const limits: ContentLimits = {
  recordMs: 1_100,
  surveyMs: 1_200,
  reserveMs: 1_300,
  initializeMs: 1_400,
  sealMs: 1_500,
  preStopMs: 1_550,
  quiesceMs: 1_600,
  logsMs: 1_650,
  disconnectMs: 1_700,
  backupMs: 1_800,
  verifyMs: 1_900,
  removeMs: 2_000,
  backupAttemptsMax: 2,
  pauseMinMs: 100,
  pauseMaxMs: 400,
  jobsMax: 2,
  attachmentsMax: 2,
  snapshotsMax: 2,
  backupPeriodMs: 90_000,
};

/** The whole of the first, second, third and every later pause. */
export const PAUSES = [100, 200, 400, 400];

export const request: SetupRequest = {
  initializer: 'AA==',
  fingerprint: 'f0',
  hasSecrets: true,
  remoteStorageDisabled: false,
  quotaBytes: 0,
};

export const setup: SetupResult = { source: 'from-other', metrics: [], warnings: [] };
export const git: GitReport = {
  branch: 'main',
  latestCommit: 'c0ffee',
  uncommittedFiles: [],
  untrackedFiles: [],
  unpushedCommits: [],
  totalUncommittedFiles: 0,
  totalUntrackedFiles: 0,
  totalUnpushedCommits: 0,
};
export const saving: Disposal = {
  backup: true,
  backupLogs: false,
  acceptShrink: false,
  reason: 'stopped',
};
export const discarding: Disposal = {
  backup: false,
  backupLogs: true,
  acceptShrink: true,
  reason: 'given up',
};
export const preStop = { outcome: 'succeeded', exitCode: 0, durationMs: 12 } as const;
export const noPreStop = { outcome: 'absent', durationMs: 0 } as const;

const proc = { name: 'proc:/proc', type: 'proc', target: '/proc' } as const;
const sysfs = { name: 'sysfs:/sys', type: 'sysfs', target: '/sys' } as const;
const network = { name: 'network', pid: 7 };

export const mount: Attachment = { kind: 'mount', plan: proc };
export const otherMount: Attachment = { kind: 'mount', plan: sysfs };
export const veth: Attachment = { kind: 'veth', plan: network };
/** Nobody may add it: it is the daemon's own view of the content. */
export const view: Attachment = {
  kind: 'mount',
  plan: { name: 'content:/workspace', type: 'content', target: '/workspace' },
};

/** The random fraction that the effects of the relation bring. */
export const JITTER = 0.75;

/** The backup timer of content in use, as the machine must begin it. */
export function timerOf({ timer }: ContentContext, at: number) {
  const { instance } = identity();
  const timed = { ...backupTimerLimits, periodMs: 90_000 };
  return { effect: 'backupTimer', input: { instance, limits: timed, at, jitter: JITTER, record: timer } };
}

/** The child actor of an attachment, as the machine must begin it. */
export function childOf({ kind, plan }: Attachment, at: number, recorded?: AttachmentStep) {
  const { instance } = identity();
  const input = { instance, limits: attachmentLimits, at, plan };
  return {
    effect: kind === 'mount' ? 'mount' : 'vethPair',
    input: recorded === undefined ? input : { ...input, recorded },
  };
}

export function reference(at: number): BackupReference {
  return { url: `backup-${at}@steward`, generation: 1, sha256: 'ab', sizeBytes: 7, createdAt: at };
}

const BEGIN = 1_000;
const RETURN = 50_000;

const fresh: ContentContext = {
  identity: identity(),
  limits,
  generation: 1,
  recorded: undefined,
  request: undefined,
  at: BEGIN,
  since: BEGIN,
  deadline: BEGIN,
  waitingFor: '',
  setup: undefined,
  jobs: [],
  jobBeganAt: BEGIN,
  results: [],
  ticket: 0,
  snapshots: [],
  lastBackup: undefined,
  savedAt: undefined,
  timer: undefined,
  isTimerOn: false,
  attachments: [],
  disposal: undefined,
  preStop: undefined,
  logs: undefined,
  attempt: 0,
  pauses: 0,
  finalBackup: undefined,
  verified: false,
  gitStatus: undefined,
  failure: undefined,
  rootFailure: undefined,
};

/** A new instance, and one come back from every kind of record. */
export const starts: readonly Start<ContentContext>[] = [
  {
    name: 'new',
    state: 'none',
    context: fresh,
    input: { kind: 'new', identity: fresh.identity, limits, at: BEGIN },
  },
  back('setting up', 'setting-up', { request }),
  back('setting up without secrets', 'setting-up', { request: { ...request, hasSecrets: false } }),
  back(
    'available',
    'available',
    {
      request,
      setup,
      jobs: [{ kind: 'snapshot', ticket: 3, name: 'kept' }],
      snapshots: [{ state: 'pending', name: 'kept', requestedAt: 600 }],
      ticket: 3,
      timer: { nextAt: 70_000, run: 4, failures: 0 },
    },
    [{ attachment: mount, step: 'attached' }],
  ),
  back('available without storage', 'available', {
    request: { ...request, remoteStorageDisabled: true },
    setup,
    ticket: 0,
  }),
  back(
    'wrapping up',
    'wrapping-up',
    {
      request,
      setup,
      disposal: saving,
      since: 700,
    },
    [
      { attachment: veth, step: 'attached' },
      { attachment: mount, step: 'detaching' },
    ],
  ),
  back('wrapping up with a promise', 'wrapping-up', {
    ...{ request, setup, disposal: discarding, since: 700, ticket: 3 },
    jobs: [{ kind: 'snapshot', ticket: 3, name: 'kept' }],
    snapshots: [{ state: 'pending', name: 'kept', requestedAt: 600 }],
    preStop: { ...preStop, at: 710 },
    logs: { outcome: 'failed', at: 720 },
  }),
  back('wrapping up what never was', 'wrapping-up', { request, since: 700 }),
  back('wrapping up with a backup', 'wrapping-up', {
    ...{ request, setup, disposal: saving, since: 700 },
    ...{ finalBackup: reference(800), lastBackup: reference(800), verified: true },
  }),
  back('removing', 'removing', { request, setup, disposal: saving, verified: true, since: 700 }, [
    { attachment: otherMount, step: 'attached' },
  ]),
  back('removing what was given up', 'removing', { request, setup, disposal: discarding, since: 700 }),
  // No actor writes such records. The first must not keep what may be incomplete, the other not cost the content.
  back('setting up what was set up', 'setting-up', { request, setup }),
  back('wrapping up with nobody asking', 'wrapping-up', { request, setup, since: 700 }),
];

function back(
  name: string,
  step: RecordedStep,
  kept: Partial<ContentContext>,
  recordedAttachments: readonly RecordedAttachment[] = [],
): Start<ContentContext> {
  const attachments = recordedAttachments.map((one) => ({ attachment: one.attachment, recorded: one.step }));
  const before = { ...fresh, ...kept, attachments };
  const {
    limits: _limits,
    attachments: _attachments,
    recorded: _recorded,
    deadline: _deadline,
    waitingFor: _waitingFor,
    isTimerOn: _isTimerOn,
    jobBeganAt: _jobBeganAt,
    ...saved
  } = before;
  const record = { ...saved, step, attachments: recordedAttachments };
  return {
    name: `back: ${name}`,
    state: 'recovering',
    context: { ...before, recorded: step, generation: 2, at: RETURN, jobBeganAt: before.at },
    input: { kind: 'recorded', record, limits, at: RETURN },
  };
}

export function identity(): Identity {
  const [instance, workspace, owner] = ['instance', 'workspace', 'owner'];
  if (!isInstanceId(instance) || !isWorkspaceId(workspace) || !isOwnerId(owner)) throw new Error('not ids');
  return { instance, workspace, owner };
}
