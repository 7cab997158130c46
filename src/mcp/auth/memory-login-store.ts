/** Logins of this process, which end with it. */
import { Semaphore } from "../../base/semaphore.ts";
import type { LoginKey, LoginStore, StoredLogin } from "./stored-login.ts";

export function memoryLoginStore(): LoginStore {
  const logins = new Map<string, StoredLogin>();
  const turns = new Map<string, Semaphore>();
  const nameOf = ({ server, url }: LoginKey): string => JSON.stringify([server, url]);
  return {
    read: (key) => Promise.resolve(logins.get(nameOf(key))),
    write: (login) => {
      logins.set(nameOf(login), login);
      return Promise.resolve();
    },
    remove: (key) => Promise.resolve(logins.delete(nameOf(key))),
    exclusively: async (key, work, signal) => {
      const turn = turns.get(nameOf(key)) ?? new Semaphore(1);
      turns.set(nameOf(key), turn);
      const release = await turn.acquire(signal);
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}
