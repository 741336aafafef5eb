import { status } from '@grpc/grpc-js';

/** What the command's exit code says. Part of the interface: scripts depend on it. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  unavailable: 5,
  deadline: 6,
  dataLoss: 7,
  exhausted: 8,
  denied: 9,
  notOffered: 10,
  parked: 11,
  exec: 125,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** For --help and the guide, in the order of the codes. */
export const EXIT_MEANINGS: readonly { readonly code: ExitCode; readonly meaning: string }[] = [
  { code: EXIT.ok, meaning: 'done' },
  { code: EXIT.failure, meaning: 'it failed' },
  { code: EXIT.usage, meaning: 'the command line, an argument or a configuration file is wrong' },
  { code: EXIT.notFound, meaning: 'no such instance, workspace, backup or snapshot' },
  { code: EXIT.conflict, meaning: 'not possible in the present state, or it exists already' },
  { code: EXIT.unavailable, meaning: 'nobody answers, or the program is starting or stopping' },
  { code: EXIT.deadline, meaning: 'it took longer than allowed' },
  { code: EXIT.dataLoss, meaning: 'content could not be saved or is damaged' },
  { code: EXIT.exhausted, meaning: 'a disk or a queue is full' },
  { code: EXIT.denied, meaning: 'not allowed' },
  { code: EXIT.notOffered, meaning: 'this version does not offer it' },
  { code: EXIT.parked, meaning: 'it is parked and waits for a person; `steward why` says what to do' },
  { code: EXIT.exec, meaning: '`exec` itself failed; any other code of `exec` is that of the command' },
  { code: EXIT.interrupted, meaning: 'interrupted with Ctrl-C' },
];

/** The one place where a gRPC status becomes an exit code. */
export function exitCodeOf(code: status): ExitCode {
  switch (code) {
    case status.OK:
      return EXIT.ok;
    case status.INVALID_ARGUMENT:
    case status.OUT_OF_RANGE:
      return EXIT.usage;
    case status.NOT_FOUND:
      return EXIT.notFound;
    case status.FAILED_PRECONDITION:
    case status.ALREADY_EXISTS:
    case status.ABORTED:
      return EXIT.conflict;
    case status.UNAVAILABLE:
      return EXIT.unavailable;
    case status.DEADLINE_EXCEEDED:
      return EXIT.deadline;
    case status.DATA_LOSS:
      return EXIT.dataLoss;
    case status.RESOURCE_EXHAUSTED:
      return EXIT.exhausted;
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return EXIT.denied;
    case status.UNIMPLEMENTED:
      return EXIT.notOffered;
    case status.CANCELLED:
    case status.UNKNOWN:
    case status.INTERNAL:
      return EXIT.failure;
  }
}
