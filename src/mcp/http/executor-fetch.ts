/** HTTP from the machine of an executor: for a server whose `environment_id` names one. */
import { messageOf } from "../../base/errors.ts";
import type { HttpRequestSpec, HttpResponse } from "../../executor/client/http-requests.ts";
import { ExecutorError, type ExecutorErrorCode } from "../../executor/errors.ts";
import type { Executor, WaitOptions } from "../../executor/executor.ts";
import { FetchError, type HttpAnswer, type HttpFetch } from "./http-fetch.ts";

/** What can make HTTP requests somewhere else: a `RemoteExecutor`. */
interface HttpExecutor {
  httpRequest(request: HttpRequestSpec, options?: WaitOptions): Promise<HttpResponse>;
}

/** With these the request did not reach the server. */
const NOT_SENT: ReadonlySet<ExecutorErrorCode> = new Set([
  "connect_failed",
  "disposed",
  "executor_unreachable",
  "invalid_request",
  "refused",
  "unknown_environment",
  "unsupported",
]);

/**
 * @param find asked for each request, so that a changed environment counts for the next one
 * @param local for an executor that is on this machine
 */
export function executorFetch(find: () => Executor, local: HttpFetch): HttpFetch {
  return async (request) => {
    try {
      const executor = find();
      if (!isHttpExecutor(executor)) return await local(request);
      const { method, url, headers, body, signal } = request;
      const spec = { method, url, headers, body: body === undefined ? undefined : Buffer.from(body) };
      return new ExecutorAnswer(await executor.httpRequest(spec, { signal }));
    } catch (error) {
      if (!(error instanceof ExecutorError)) throw error;
      const isSent = !NOT_SENT.has(error.code);
      const what = isSent ? "gave no answer through its executor" : "cannot be reached through its executor";
      throw new FetchError(`${what}: ${messageOf(error)}`, isSent, { cause: error });
    }
  };
}

function isHttpExecutor(executor: Executor): executor is Executor & HttpExecutor {
  return "httpRequest" in executor;
}

class ExecutorAnswer implements HttpAnswer {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
  readonly #response: HttpResponse;

  constructor(response: HttpResponse) {
    this.status = response.status;
    this.body = response.body;
    this.#response = response;
  }

  close(): void {
    this.#response.close();
  }

  header(wanted: string): string | undefined {
    const values = this.#response.headers.filter(({ name }) => name === wanted).map(({ value }) => value);
    return values.length === 0 ? undefined : values.join(", ");
  }
}
