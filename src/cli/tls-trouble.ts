import { type CatalogEntry, catalog } from '../errors/catalog.js';
import { StewardError } from '../errors/steward-error.js';

/** Certificates that do not fit, told by what to look at: the words of OpenSSL help only those who know them. */
export class TlsTrouble extends StewardError {
  readonly #remedy: string;

  constructor(address: string, { problem, remedy }: Trouble, cause: unknown) {
    super('permission-denied', `${address}: ${problem}`, { cause });
    this.name = 'TlsTrouble';
    this.#remedy = remedy;
  }

  override get entry(): CatalogEntry {
    return { ...catalog['permission-denied'], remedy: `Nothing was done. ${this.#remedy}` };
  }
}

interface Trouble {
  readonly problem: string;
  readonly remedy: string;
}

/** undefined for a failure that is no matter of certificates. */
export function tlsTroubleIn(message: string, hasOwnCertificate: boolean): Trouble | undefined {
  const found = TROUBLES.find(({ words }) => words.test(message))?.told(hasOwnCertificate);
  // A server may also end the connection without a word, which grpc-js tells like this.
  if (found === undefined && hasOwnCertificate && /Last error: Failed to connect/.test(message)) {
    return {
      problem:
        'the server ended the connection at once: it does not accept the client certificate, or speaks no TLS',
      remedy: 'Give a certificate that its authority has signed: --tls-cert and --tls-key.',
    };
  }
  return found;
}

/** In this order: a server that refuses a certificate tells so in an alert, after its own was found right. */
const TROUBLES: readonly { readonly words: RegExp; told(hasOwnCertificate: boolean): Trouble }[] = [
  {
    words: /ALTNAME_INVALID|does not match certificate's altnames/i,
    told: () => ({
      problem: "the server's certificate is for another name",
      remedy: 'Use the name in the certificate, or say it with --tls-server-name.',
    }),
  },
  {
    words: /certificate has expired|CERT_HAS_EXPIRED|not yet valid/i,
    told: () => ({
      problem: "the server's certificate has expired, or is not valid yet",
      remedy: 'Renew it, and compare the clocks of both machines.',
    }),
  },
  {
    words:
      /alert.*(certificate|unknown ca|bad certificate|access denied|handshake failure)|certificate required/i,
    told: (hasOwnCertificate) => ({
      problem: hasOwnCertificate
        ? 'the server does not accept the client certificate'
        : 'the server wants a client certificate',
      remedy: 'Give one that its authority has signed: --tls-cert and --tls-key.',
    }),
  },
  {
    words: /self.signed|unable to (verify|get)|UNABLE_TO|issuer certificate|DEPTH_ZERO/i,
    told: () => ({
      problem: "the server's certificate is of an authority that is not trusted",
      remedy: 'Name the right authority with --tls-ca, and make sure that this is the machine you mean.',
    }),
  },
  {
    words: /wrong version number|packet length too long|EPROTO/i,
    told: () => ({
      problem: 'the server does not speak TLS',
      remedy: 'Leave the TLS flags out, or name the port that does.',
    }),
  },
];
