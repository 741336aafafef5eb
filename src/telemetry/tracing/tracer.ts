/** What a span tells of its work: ids, counts and outcomes. Never secrets, nor anything that users wrote. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** One piece of work while it is being done. */
export interface Span {
  /** Whether anybody will see it; what is costly to tell may be left out otherwise. */
  readonly isSeen: boolean;
  set(attributes: Attributes): void;
  /** A part of this work, which began with it and ends now. */
  part(name: string, attributes: Attributes): void;
}

/** Where a trace is gone on with: the `traceparent` of W3C Trace Context. */
export type TraceParent = string;

export interface SpanOptions {
  /** Asked for only when spans are made. */
  readonly attributes?: () => Attributes;
  /** `root`: it belongs to no other work. Default: the span in which it is begun. */
  readonly parent?: TraceParent | 'root' | undefined;
  /** `server`: somebody else asked for it. */
  readonly kind?: 'internal' | 'server' | 'producer';
}

/** The gateway to whoever wants to know what took how long. */
export interface Tracer {
  /** Runs `work` in a span, which fails when that does. Spans of what is called in it are below it. */
  span<Result>(name: string, options: SpanOptions, work: (span: Span) => Promise<Result>): Promise<Result>;
  /** Of the span this is called in; undefined outside of all. */
  current(): TraceParent | undefined;
}

const unseen: Span = { isSeen: false, set: () => undefined, part: () => undefined };

/** Makes no spans; what it runs costs what it would cost alone. */
export const NO_TRACER: Tracer = {
  span: (_name, _options, work) => work(unseen),
  current: () => undefined,
};

/** What ids are called in all spans. */
export const ATTRIBUTE = {
  owner: 'steward.owner',
  workspace: 'steward.workspace',
  instance: 'steward.instance',
  cluster: 'steward.cluster',
} as const;
