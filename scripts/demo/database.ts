import { tableLines } from '../../src/cli/table.js';
import { RealClock } from '../../src/gateways/real/clock.js';
import {
  BridgeServiceService,
  type InstanceRow,
  type WatchEventsResponse,
} from '../../src/gen/steward/v1/bridge.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { say } from './say.js';

const ROWS_MS = 10_000;

/** The bridge as any client sees it: its rows, and its events from now on. */
export async function watchDatabase(address: string) {
  const channel = createChannel(address, { clock: new RealClock() });
  const client = createClient(BridgeServiceService, channel);
  const events: WatchEventsResponse[] = [];
  const stream = client.watchEvents({ channels: [], instanceIds: [] });
  await stream.started;
  const reading = (async () => {
    for await (const event of stream) events.push(event);
  })().catch(() => {});
  return {
    events,
    /** The rows of a workspace once all of them are in the phases wanted; throws when that takes too long. */
    rows: async (
      workspaceId: string,
      wanted: Readonly<Record<string, string>>,
    ): Promise<readonly InstanceRow[]> => {
      const filter = {
        owner: '',
        workspaceId,
        instanceId: '',
        phases: [],
        pageSize: 0,
        pageToken: '',
        region: '',
        instanceIds: [],
      };
      for (const end = Date.now() + ROWS_MS; ; ) {
        const { instances } = await client.listInstances(filter);
        const phases = new Map(instances.map(({ instanceId, phase }) => [instanceId, phase]));
        if (Object.entries(wanted).every(([id, phase]) => phases.get(id) === phase)) return instances;
        if (Date.now() > end) throw new Error(`the database says ${JSON.stringify([...phases])}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    close: async () => {
      stream.cancel();
      await reading;
      channel.close();
    },
  };
}

export function printRows(rows: readonly InstanceRow[]): void {
  const time = (text: string) => text.slice(11, 23);
  const lines = tableLines(
    [
      { title: 'INSTANCE', value: (row: InstanceRow) => row.instanceId },
      { title: 'PHASE', value: ({ phase }) => phase },
      { title: 'VERSION', value: ({ version }) => version.toString(), align: 'right' },
      { title: 'CREATED', value: ({ creationTime }) => time(creationTime) },
      { title: 'STARTED', value: ({ startedTime }) => time(startedTime) },
      { title: 'STOPPING', value: ({ stoppingTime }) => time(stoppingTime) },
      { title: 'STOPPED', value: ({ stoppedTime }) => time(stoppedTime) },
    ],
    rows,
  );
  for (const line of lines) say.line(line);
}

export function printEvents(events: readonly WatchEventsResponse[]): void {
  for (const { sequence, channel, payloadJson } of events)
    say.line(`${sequence}  ${channel}  ${payloadJson}`);
}
