import { z } from 'zod';

/** Paths of PEM files: the authority of a server's certificate, and what this side shows. {} trusts the system's authorities. */
export const serverTlsSchema = z.strictObject({
  ca: z.string().min(1).optional(),
  crt: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  /** The name its certificate carries, when that is not the host it is reached at. */
  serverName: z.string().min(1).optional(),
});

export type ServerTls = z.output<typeof serverTlsSchema>;

/** The same with the texts of the files. */
export interface ServerTlsTexts {
  readonly ca?: string;
  readonly crt?: string;
  readonly key?: string;
  readonly serverName?: string;
}
