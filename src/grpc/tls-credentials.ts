import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { readPemFile } from '../config/pem-file.js';
import { StewardError } from '../errors/steward-error.js';
import type { Timer } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import { CERTIFICATE_CHECK_MS } from './bounds.js';

/** Paths of PEM files. With `ca`, callers must show a certificate that it signed. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
  readonly ca?: string;
}

/**
 * Credentials that follow their files: new connections use what the files hold now, running ones go on. Files
 * that cannot be used change nothing, so a rotation caught half way is taken up at the next look.
 */
export class ReloadingCredentials extends ServerCredentials {
  readonly #tls: ServerTls;
  readonly #world: Pick<World, 'clock' | 'files'>;
  readonly #logger: Logger;
  #current: CertificateFiles;
  #timer: Timer | undefined;

  /** Throws `invalid-config` when the files cannot be used. */
  static async load(tls: ServerTls, world: Pick<World, 'clock' | 'files'>, logger: Logger) {
    return new ReloadingCredentials(tls, await readFiles(tls, world), world, logger);
  }

  private constructor(
    tls: ServerTls,
    files: CertificateFiles,
    world: Pick<World, 'clock' | 'files'>,
    logger: Logger,
  ) {
    const verify = tls.ca !== undefined;
    super({ requestCert: verify, rejectUnauthorized: verify, minVersion: 'TLSv1.2' }, contextOptions(files));
    this.#tls = tls;
    this.#current = files;
    this.#world = world;
    this.#logger = logger;
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }

  /** Looks at the files every now and then, until `stopWatching`. */
  watch(): void {
    const { clock } = this.#world;
    this.#timer = clock.schedule(clock.now() + CERTIFICATE_CHECK_MS, () => {
      this.reload().finally(() => {
        if (this.#timer !== undefined) this.watch();
      });
    });
  }

  stopWatching(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Looks at the files now; true when they are new and in use. Never fails: what is wrong is logged. */
  async reload(): Promise<boolean> {
    try {
      const files = await readFiles(this.#tls, this.#world);
      if (same(files, this.#current)) return false;
      this.#current = files;
      this.updateSecureContextOptions(contextOptions(files));
      this.#logger.info({ certificate: this.#tls.certificate }, 'new TLS certificates are in use');
      return true;
    } catch (err) {
      this.#logger.error({ err }, 'the TLS certificate files cannot be used; the former ones stay');
      return false;
    }
  }
}

interface CertificateFiles {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

async function readFiles(tls: ServerTls, { files: disk }: Pick<World, 'files'>): Promise<CertificateFiles> {
  const [certificate, key, ca] = await Promise.all([
    readPemFile(disk, 'tls.certificate', tls.certificate),
    readPemFile(disk, 'tls.key', tls.key),
    tls.ca === undefined ? undefined : readPemFile(disk, 'tls.ca', tls.ca),
  ]);
  const files = { certificate, key, ca };
  try {
    createSecureContext(contextOptions(files));
  } catch (cause) {
    throw new StewardError('invalid-config', `the TLS files beside ${tls.certificate} do not fit together`, {
      cause,
    });
  }
  return files;
}

function contextOptions(files: CertificateFiles): SecureContextOptions {
  const { certificate: cert, key, ca } = files;
  return ca === undefined ? { cert, key } : { cert, key, ca };
}

function same(one: CertificateFiles, other: CertificateFiles): boolean {
  const sameCa = one.ca === undefined ? other.ca === undefined : other.ca?.equals(one.ca) === true;
  return one.certificate.equals(other.certificate) && one.key.equals(other.key) && sameCa;
}
