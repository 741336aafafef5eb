/** The data that the relation of the content machine is tried with. */
import type {
  Attachment,
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
  quiesceMs: 1_600,
  disconnectMs: 1_700,
  backupMs: 1_800,
  verifyMs: 1_900,
  removeMs: 2_000,
  backupAttemptsMax: 2,
  pauseMinMs: 100,
  pauseMaxMs: 400,
  jobsMax: 2,
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
export const saving: Disposal = { backup: true, backupLogs: false, reason: 'stopped' };
export const discarding: Disposal = { backup: false, backupLogs: true, reason: 'given up' };
export const mount: Attachment = { kind: 'mount', name: 'proc:/proc', type: 'proc', target: '/proc' };
export const veth: Attachment = { kind: 'veth', name: 'veth:0' };

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
  results: [],
  ticket: 0,
  lastBackup: undefined,
  attachments: [],
  disposal: undefined,
  attempt: 0,
  pauses: 0,
  finalBackup: undefined,
  verified: false,
  gitStatus: undefined,
  failure: undefined,
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
  back('available', 'available', {
    request,
    setup,
    jobs: [{ kind: 'snapshot', ticket: 3, name: 'kept' }],
    ticket: 3,
  }),
  back('wrapping up', 'wrapping-up', {
    request,
    setup,
    disposal: saving,
    attachments: [mount, veth],
    since: 700,
  }),
  back('wrapping up what never was', 'wrapping-up', { request, since: 700 }),
  back('wrapping up with a backup', 'wrapping-up', {
    ...{ request, setup, disposal: saving, since: 700 },
    ...{ finalBackup: reference(800), lastBackup: reference(800), verified: true },
  }),
  back('removing', 'removing', { request, setup, disposal: saving, verified: true, since: 700 }),
  // No actor writes such records. The first must not keep what may be incomplete, the other not cost the content.
  back('setting up what was set up', 'setting-up', { request, setup }),
  back('wrapping up with nobody asking', 'wrapping-up', { request, setup, since: 700 }),
];

function back(name: string, step: RecordedStep, kept: Partial<ContentContext>): Start<ContentContext> {
  const before = { ...fresh, ...kept };
  const {
    limits: _limits,
    recorded: _recorded,
    deadline: _deadline,
    waitingFor: _waitingFor,
    ...saved
  } = before;
  const record = { ...saved, step };
  return {
    name: `back: ${name}`,
    state: 'recovering',
    context: { ...before, recorded: step, generation: 2, at: RETURN },
    input: { kind: 'recorded', record, limits, at: RETURN },
  };
}

function identity(): Identity {
  const [instance, workspace, owner] = ['instance', 'workspace', 'owner'];
  if (!isInstanceId(instance) || !isWorkspaceId(workspace) || !isOwnerId(owner)) throw new Error('not ids');
  return { instance, workspace, owner };
}
