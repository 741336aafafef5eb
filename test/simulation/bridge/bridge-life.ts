import pino, { type Logger } from 'pino';
import { Registry } from 'prom-client';
import { BridgeCore } from '../../../src/bridge/core.js';
import { BridgeMetrics } from '../../../src/bridge/metrics.js';
import type { Database } from '../../../src/database/database.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import type { PublishedEvent } from '../../../src/events/event-publisher.js';
import type { SimulatedClock } from '../../../src/gateways/simulated/clock.js';
import { SimulatedFiles } from '../../../src/gateways/simulated/files.js';
import type { SeededRandom } from '../../../src/gateways/simulated/random.js';
import type { WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { SimulatedConnection } from './connection.js';
import type { Consumer } from './consumer.js';
import { FaultyDatabase } from './faulty-database.js';
import { LifeClock } from './life-clock.js';
import type { SimulatedManager } from './manager.js';
import { simulatedDialect } from './rows.js';
import type { Settings } from './settings.js';
import type { BridgeTrouble } from './trouble.js';
import type { Watch } from './watch.js';

/** A life that does more turns in a circle. */
const OPERATIONS_MAX = 20_000;

/** What all bridges of a run have around them. */
export interface Surroundings {
  readonly time: SimulatedClock;
  readonly random: SeededRandom;
  readonly rows: Database;
  readonly settings: Settings;
  readonly trouble: BridgeTrouble;
  readonly watch: Watch;
  readonly consumer: Consumer;
  readonly log: (text: string) => void;
  readonly defect: (text: string) => void;
  readonly managerAt: (url: string) => SimulatedManager | undefined;
  readonly heard: (life: BridgeLife, status: WorkspaceStatus) => void;
  readonly died: (life: BridgeLife) => void;
}

/** One life of a bridge without its wires, from its start to a stop or a kill. */
export class BridgeLife {
  readonly name: string;
  readonly clock: LifeClock;
  readonly core: BridgeCore;
  readonly #around: Surroundings;
  readonly #connections = new Set<SimulatedConnection>();
  #operationsLeft = Number.POSITIVE_INFINITY;
  #operations = 0;
  #isUp = false;
  readonly #whenDead: (() => void)[] = [];

  constructor(name: string, around: Surroundings) {
    const { time, random, settings } = around;
    this.name = name;
    this.#around = around;
    this.clock = new LifeClock(time);
    this.core = new BridgeCore({
      config: settings.config,
      opened: { database: this.#database(), mode: settings.mode, adoptUnknownInstances: settings.adopts },
      connect: ({ url }) => this.#connect(url),
      publishers: [{ publish: (event) => this.#publish(event) }],
      lifecycle: undefined,
      holder: name,
      world: { clock: this.clock, random: random.fork(), files: new SimulatedFiles(time) },
      logger: loggerOf(name, around),
      metrics: new BridgeMetrics(new Registry()),
    });
  }

  /** It has started, and was not told to stop. */
  get isUp(): boolean {
    return this.#isUp && !this.isDead;
  }

  started(): void {
    this.#isUp = true;
    this.#around.log(`${this.name} is up`);
  }

  /** It is told to stop. */
  leave(): void {
    this.#isUp = false;
  }

  get isDead(): boolean {
    return this.clock.isDead;
  }

  whenDead(callback: () => void): void {
    this.#whenDead.push(callback);
  }

  /** SIGKILL: what the database or Redis was sent before may still be done. */
  kill(): void {
    this.#around.log(`${this.name} is killed`);
    this.end();
  }

  /** Nothing of it is left. */
  end(): void {
    this.clock.kill();
    this.#around.died(this);
    for (const callback of this.#whenDead.splice(0)) callback();
    for (const connection of this.#connections) connection.abandon();
  }

  /** The same before the n-th operation from now. */
  arm(operations: number): void {
    this.#operationsLeft = operations;
  }

  disarm(): void {
    this.#operationsLeft = Number.POSITIVE_INFINITY;
  }

  #operate(): void {
    this.#operations += 1;
    if (this.#operations > OPERATIONS_MAX) {
      this.#around.defect(`${this.name} goes on without end: ${OPERATIONS_MAX} operations`);
      this.end();
    }
    this.#operationsLeft -= 1;
    if (this.#operationsLeft <= 0 && !this.isDead) this.kill();
  }

  #connect(url: string): SimulatedConnection {
    const { time, trouble, settings, managerAt, heard } = this.#around;
    const manager = managerAt(url);
    if (manager === undefined) throw new StewardError('invalid-argument', `There is nothing at ${url}.`);
    const connection = new SimulatedConnection(manager, {
      ...{ clock: this.clock, time, trouble, announces: settings.announces },
      onHeard: (status) => heard(this, status),
      operate: () => this.#operate(),
    });
    this.#connections.add(connection);
    return connection;
  }

  #database(): FaultyDatabase {
    const { time, rows, trouble, settings, watch } = this.#around;
    return new FaultyDatabase({
      ...{ rows, clock: this.clock, time, trouble, skewMs: settings.skewMs },
      dialect: simulatedDialect(settings.concurrency),
      operate: () => this.#operate(),
      committing: (transaction) => watch.committing(this.name, transaction),
    });
  }

  async #publish(event: PublishedEvent): Promise<void> {
    const { trouble, consumer, time, log } = this.#around;
    this.#operate();
    const arrived = new Promise<void>((resolve) => time.schedule(time.now() + trouble.latencyMs(), resolve));
    const isSent = !this.isDead;
    await arrived;
    const fault = trouble.publish();
    if (fault !== 'refused' && isSent) {
      log(`${this.name} publishes ${event.sequence} of ${event.key} on ${event.channel}`);
      consumer.take(event);
    }
    await this.clock.pass(trouble.latencyMs());
    if (fault !== undefined) throw new StewardError('unavailable', 'Redis did not answer.');
  }
}

/** Goes into the trace; a failure that nobody has foreseen ends the run. */
function loggerOf(name: string, { log, defect }: Surroundings): Logger {
  return pino(
    { level: 'warn', base: null, timestamp: false },
    {
      write: (line) => {
        const { msg, err, reason = '' }: LogLine = JSON.parse(line);
        const why = err?.message ?? reason;
        log(`${name}: ${msg}${why === '' ? '' : ` (${why})`}`);
        const { stack = '' } = err ?? {};
        if (err?.code === 'internal' || OF_THE_CODE.test(stack)) defect(`${msg}: ${stack}`);
      },
    },
  );
}

/** What the language throws, whatever it was taken for. */
const OF_THE_CODE = /\b(Type|Reference|Range|Syntax)Error\b/;

interface LogLine {
  readonly msg: string;
  readonly err?: { readonly message: string; readonly code?: string; readonly stack?: string };
  readonly reason?: string;
}
