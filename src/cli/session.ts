import type { Program } from '../config/state-folder.js';
import { StewardError } from '../errors/steward-error.js';
import { isLocal, parseAddress } from '../grpc/address.js';
import { type Channel, type ClientTls, createChannel } from '../grpc/channel.js';
import type { ClientCallOptions } from '../grpc/client.js';
import { RemoteError } from '../grpc/remote-error.js';
import { LONG_CALL_MS, TLS_FILE_BYTES } from './bounds.js';
import type { Cli } from './cli.js';
import type { GlobalOptions } from './global-options.js';
import { NobodyAnswers } from './nobody-answers.js';
import { type Places, placesOf } from './places.js';
import { Show } from './show.js';
import { TlsTrouble, tlsTroubleIn } from './tls-trouble.js';

/** One run of one verb: its options, what it shows, and the connections it made. */
export class Session {
  readonly cli: Cli;
  readonly show: Show;
  readonly options: GlobalOptions;
  readonly places: Places;
  readonly #channels = new Map<Program, Channel>();

  constructor(cli: Cli, options: GlobalOptions) {
    this.cli = cli;
    this.options = options;
    this.show = new Show(cli, { json: options.json, quiet: options.quiet });
    this.places = placesOf(cli.user, options.state);
  }

  /** The connection to a program: at --address, else at its socket of the state folder. */
  async channel(program: Program): Promise<Channel> {
    const known = this.#channels.get(program);
    if (known !== undefined) return known;
    const address = this.options.address ?? this.places.addresses[program];
    const where = parseAddress(address);
    if (where.kind === 'unix' && (await this.cli.world.files.stat(where.path)) === undefined) {
      throw new NobodyAnswers(program, address, true, undefined);
    }
    const tls = await this.#tls();
    const channel = createChannel(address, {
      clock: this.cli.world.clock,
      ...(tls === undefined ? {} : { tls }),
    });
    this.#channels.set(program, channel);
    return channel;
  }

  /** For a call that is answered soon. */
  get call(): ClientCallOptions {
    const { timeoutMs } = this.options;
    return { signal: this.cli.interrupted, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  }

  /** For a call that moves a whole workspace. */
  get longCall(): ClientCallOptions {
    return { signal: this.cli.interrupted, timeoutMs: this.options.timeoutMs ?? LONG_CALL_MS };
  }

  /** A failed connection says so in the words of somebody who has not started the system yet. */
  explain(thrown: unknown): unknown {
    if (!(thrown instanceof RemoteError) || thrown.code !== 'unavailable') return thrown;
    for (const [program, { address }] of this.#channels) {
      if (!thrown.message.startsWith(`${address}: `)) continue;
      const trouble = tlsTroubleIn(thrown.message, this.options.tlsCert !== undefined);
      if (trouble !== undefined) return new TlsTrouble(address, trouble, thrown);
      return new NobodyAnswers(program, address, isLocal(parseAddress(address)), thrown);
    }
    return thrown;
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  async #tls(): Promise<ClientTls | undefined> {
    const { tlsCa, tlsCert, tlsKey, tlsServerName: serverName } = this.options;
    if (tlsCa === undefined && tlsCert === undefined && tlsKey === undefined) return undefined;
    if ((tlsCert === undefined) !== (tlsKey === undefined)) {
      throw new StewardError('invalid-argument', '--tls-cert and --tls-key go together');
    }
    const ca = await this.#pem('--tls-ca', tlsCa);
    const certificate = await this.#pem('--tls-cert', tlsCert);
    const key = await this.#pem('--tls-key', tlsKey);
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { serverName }),
    };
  }

  async #pem(flag: string, path: string | undefined): Promise<Buffer | undefined> {
    if (path === undefined) return undefined;
    try {
      return await this.cli.world.files.read(path, TLS_FILE_BYTES);
    } catch (cause) {
      throw new StewardError('invalid-argument', `the file of ${flag} cannot be read: ${path}`, { cause });
    }
  }
}
