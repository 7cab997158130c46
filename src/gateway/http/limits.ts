/** Bounds on what clients of one URL may take. */
export interface Limits {
  /** Of one message, in bytes. @default 8 MiB */
  readonly bodyBytesMax: number;
  /** Requests under way at once, open streams included. @default 1024 */
  readonly requestsMax: number;
  /** Sessions at once; clients of the modern era that say different things of themselves count as well. @default 64 */
  readonly sessionsMax: number;
  /** New sessions in one second, after `sessionsMax` at once. @default 20 */
  readonly sessionsPerSecond: number;
  /** How long a client that has nothing under way may be silent, in milliseconds. @default an hour */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  bodyBytesMax: 8 * 1024 * 1024,
  requestsMax: 1024,
  sessionsMax: 64,
  sessionsPerSecond: 20,
  idleMs: 3_600_000,
};
