import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';

/** Stands before a server, on a port of loopback, and disturbs the connections to it. It knows no protocol. */
export class TcpProxy {
  readonly #target: NetConnectOpts;
  readonly #server: Server;
  readonly #joints = new Set<Joint>();
  #isRefusing = false;
  #isFrozen = false;
  #answersToLoss: number | undefined;

  static async before(target: NetConnectOpts): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(target: NetConnectOpts) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy is not listening');
    return address.port;
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#joints.size;
  }

  /** Breaks off every connection there is. */
  cut(): void {
    for (const joint of this.#joints) joint.cut();
  }

  /** Breaks off new connections at once, until `admit`. */
  refuse(): void {
    this.#isRefusing = true;
  }

  admit(): void {
    this.#isRefusing = false;
  }

  /** Connections stay, new ones are taken, and nothing passes until `thaw`. */
  freeze(): void {
    this.#isFrozen = true;
    for (const joint of this.#joints) joint.freeze();
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const joint of this.#joints) joint.thaw();
  }

  /** Nothing ever passes on the connections there are, as if the machine behind them had vanished; new ones work. */
  strand(): void {
    for (const joint of this.#joints) joint.strand();
  }

  /**
   * Of what the server says from now on, the so manieth piece never arrives and its connection breaks off: whoever
   * asked cannot know what the server did.
   */
  loseAnswer(number: number): void {
    this.#answersToLoss = number;
  }

  /** Nothing disturbs any more. */
  heal(): void {
    this.#answersToLoss = undefined;
    this.admit();
    this.thaw();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    if (this.#isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const joint = new Joint(client, connect(this.#target), () => this.#isLost());
    this.#joints.add(joint);
    joint.ended.then(() => this.#joints.delete(joint));
    if (this.#isFrozen) joint.freeze();
  }

  #isLost(): boolean {
    if (this.#answersToLoss === undefined) return false;
    this.#answersToLoss -= 1;
    if (this.#answersToLoss > 0) return false;
    this.#answersToLoss = undefined;
    return true;
  }
}

/** One connection through the proxy. */
class Joint {
  readonly ended: Promise<void>;
  readonly #sides: readonly [Socket, Socket];
  #isStranded = false;

  constructor(client: Socket, server: Socket, isLost: () => boolean) {
    this.#sides = [client, server];
    this.#pass(client, server, () => false);
    this.#pass(server, client, isLost);
    this.ended = Promise.race(
      this.#sides.map((side) => new Promise<void>((resolve) => side.once('close', () => resolve()))),
    );
    this.ended.then(() => this.cut());
  }

  cut(): void {
    const [client, server] = this.#sides;
    client.resetAndDestroy();
    // It may be a Unix socket, which knows no reset.
    server.destroy();
  }

  freeze(): void {
    for (const side of this.#sides) side.pause();
  }

  thaw(): void {
    for (const side of this.#sides) side.resume();
  }

  strand(): void {
    this.#isStranded = true;
  }

  #pass(from: Socket, to: Socket, isLost: () => boolean): void {
    from.on('error', () => undefined);
    from.on('data', (chunk) => {
      if (this.#isStranded) return;
      if (isLost()) this.cut();
      else to.write(chunk);
    });
  }
}
