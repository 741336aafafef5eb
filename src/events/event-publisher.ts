/** One event on its way to listeners. */
export interface PublishedEvent {
  readonly channel: string;
  /** JSON text. */
  readonly payload: string;
  /** Events with the same key are delivered in order. */
  readonly key: string;
  /** Grows with every event; equal for deliveries of the same one. */
  readonly sequence: number;
  /** When it was committed, milliseconds since the epoch. */
  readonly at: number;
}

/**
 * Where events go. A resolved promise means the event has left us; a rejected one means it may or may not have,
 * and whoever publishes tries again. With `permission-denied` it has not, and no other event of its channel will.
 */
export interface EventPublisher {
  publish(event: PublishedEvent): Promise<void>;
}

/** One that holds a connection. */
export interface ClosablePublisher extends EventPublisher {
  close(): void;
}
