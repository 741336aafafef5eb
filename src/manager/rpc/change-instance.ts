import {
  type ControlAdmissionRequest,
  type ControlPortRequest,
  type MarkActiveRequest,
  type SetTimeoutRequest,
  TimeoutType,
  type UpdateSSHKeyRequest,
  type WorkspaceManagerService,
} from '../../gen/ws-manager-api/core.js';
import type { Handlers } from '../../grpc/service-types.js';
import { requiredMessage, requiredText } from '../../grpc/validation.js';
import {
  checkedAdmission,
  checkedDuration,
  checkedKeys,
  checkedPort,
  checkedPortNumber,
  withoutPort,
  withPort,
} from '../instance/settings.js';
import type { Instances } from '../instances.js';
import type { PortForwarding } from '../runtime-ports.js';

type Changes = Pick<
  Handlers<typeof WorkspaceManagerService>,
  'markActive' | 'setTimeout' | 'controlPort' | 'controlAdmission' | 'updateSshKey'
>;

/** The calls of `wsman.WorkspaceManager` that change an instance while it lives; each is answered when that is on disk. */
export function changingCalls(instances: Instances, ports: Pick<PortForwarding, 'adding'>): Changes {
  const named = (id: string) => instances.get(requiredText(id, 'id'));
  return {
    markActive: async ({ id, closed, ignoreIfActive }: MarkActiveRequest) => {
      await named(id).markActive(closed, ignoreIfActive);
      return {};
    },
    setTimeout: async (request: SetTimeoutRequest) => {
      const change = timeoutIn(request);
      await named(request.id).change(({ settings }) => ({ settings: { ...settings, ...change } }));
      return {};
    },
    controlPort: async ({ id, expose, spec }: ControlPortRequest) => {
      const asked = requiredMessage(spec, 'spec');
      const number = checkedPortNumber(asked.port, 'spec.port');
      const port = expose ? checkedPort(asked, 'spec') : undefined;
      const instance = named(id);
      const change = () =>
        instance.change(({ settings }) => {
          const { ports: all } = settings;
          const changed = port === undefined ? withoutPort(all, number) : withPort(all, port, 'spec.port');
          return { settings: { ...settings, ports: changed } };
        });
      // One that has stopped refuses it, and needs nothing reserved for that.
      if (port === undefined || instance.isStopped) await change();
      else await ports.adding(instance, port, change);
      return {};
    },
    controlAdmission: async ({ id, level }: ControlAdmissionRequest) => {
      const admission = checkedAdmission(level, 'level');
      await named(id).change(({ settings }) => ({ settings: { ...settings, admission } }));
      return {};
    },
    updateSshKey: async ({ id, keys }: UpdateSSHKeyRequest) => {
      requiredText(id, 'id');
      const sshKeys = checkedKeys(keys, 'keys');
      await named(id).change(({ settings }) => ({ settings: { ...settings, sshKeys } }));
      return {};
    },
  };
}

/** Each type changes its own timeout and leaves the other alone; one that nobody knows changes none. */
function timeoutIn({ duration, type }: SetTimeoutRequest) {
  const milliseconds = checkedDuration(duration, 'duration');
  switch (type) {
    case TimeoutType.WORKSPACE_TIMEOUT:
      return { timeoutMs: milliseconds };
    case TimeoutType.CLOSED_TIMEOUT:
      return { closedTimeoutMs: milliseconds };
    default:
      return {};
  }
}
