import { StewardError } from '../errors/steward-error.js';

/** The command line cannot be understood; nothing was done. */
export class UsageError extends StewardError {
  constructor(message: string) {
    super('invalid-argument', message);
    this.name = 'UsageError';
  }
}
