/** Children of one supervisor that one answer about the tree shows at most. */
export const TREE_CHILDREN_MAX = 1_000;

/** How long one answer about readiness may take before it is "no". */
export const READINESS_MS = 5_000;
/** How long a request over HTTP may take to arrive. */
export const HTTP_REQUEST_MS = 10_000;
/** Connections to the endpoint for metrics and health at the same time. */
export const HTTP_CONNECTIONS_MAX = 100;
/** How often the delay of the event loop is looked at. */
export const EVENT_LOOP_LOOK_MS = 100;
/** How long one attempt to send spans may take, with its repetitions; `OTEL_EXPORTER_OTLP_TIMEOUT` says otherwise. */
export const SPANS_EXPORT_MS = 3_000;
/** How long the end of a program waits for its last spans to be sent. */
export const SPANS_FLUSH_MS = 2_000;
