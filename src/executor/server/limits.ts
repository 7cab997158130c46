/** The limits of an executor for its clients. Each of them is a flag of `switchyard executor`. */

export interface Limits {
  /** Processes that run at once, of all clients together. @default 1024 */
  readonly processesMax: number;
  /** Links at once. @default 256 */
  readonly connectionsMax: number;
  /** Sessions at once, including those that wait for their client to come back. @default 1024 */
  readonly sessionsMax: number;
  /** Output retained of all processes together, in bytes. @default 1 GiB */
  readonly retainedBytesMax: number;
  /** A larger message ends its link, in bytes. @default 16 MiB */
  readonly messageBytesMax: number;
  /** From the connection to `initialized`, in milliseconds. @default 10 000 */
  readonly handshakeMs: number;
  /** Requests of one link that are answered at once. @default 1024 */
  readonly requestsMax: number;
}

export const DEFAULT_LIMITS: Limits = {
  processesMax: 1024,
  connectionsMax: 256,
  sessionsMax: 1024,
  retainedBytesMax: 1024 * 1024 * 1024,
  messageBytesMax: 16 * 1024 * 1024,
  handshakeMs: 10_000,
  requestsMax: 1024,
};
