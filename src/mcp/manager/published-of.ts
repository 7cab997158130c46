/** What a host publishes of a connection. */
import { type Clock, wallTime } from "../../base/clock.ts";
import type { Connection } from "../connection/connection.ts";
import type { LeaseHolder } from "../lease/lease-pool.ts";
import type { PublishedConnection } from "../run/host-file.ts";

const LEASES_MAX = 20;

export function publishedOf(
  entry: {
    readonly connection: Connection;
    readonly since: number;
    readonly shared: boolean;
    readonly holders: readonly LeaseHolder[];
  },
  clock: Clock,
): PublishedConnection {
  const { connection, since, shared, holders } = entry;
  const { status, localPid, options } = connection;
  return {
    server: options.server,
    ...options.place,
    state: status.state,
    ...("reason" in status && typeof status.reason === "object" ? { reason: status.reason.code } : {}),
    shared,
    since: Math.round(wallTime() - (clock.now() - since)),
    ...(localPid === undefined ? {} : { pid: localPid }),
    leases: holders.slice(0, LEASES_MAX).map(({ thread, server }) => ({ thread, server })),
    lease_count: holders.length,
  };
}
