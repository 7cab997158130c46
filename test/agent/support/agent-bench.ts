/** An agent with a scripted model and a folder of its own, and a look at what is left behind. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, type AgentOptions, type StreamedTurn, type ThreadEvent } from "../../../src/agent/index.ts";
import {
  descendants,
  ScriptedModel,
  type ScriptedModelOptions,
  waitUntilGone,
} from "../../../src/testing/index.ts";

export class AgentBench implements AsyncDisposable {
  readonly model: ScriptedModel;
  readonly folder: string = mkdtempSync(join(tmpdir(), "switchyard-agent-"));
  readonly log: string[] = [];
  readonly agent: Agent;
  readonly #agents: Agent[] = [];
  readonly #before = descendants(process.pid);

  private constructor(model: ScriptedModel, options: AgentOptions) {
    this.model = model;
    this.agent = this.another(options);
  }

  static async start(options: AgentOptions = {}, model: ScriptedModelOptions = {}): Promise<AgentBench> {
    return new AgentBench(await ScriptedModel.start(model), options);
  }

  get threads(): string {
    return join(this.folder, "agent", "threads");
  }

  /** Another agent on the same folder and model. It is closed with the bench. */
  another(options: AgentOptions = {}): Agent {
    const agent = new Agent({
      model: "test-model",
      baseUrl: this.model.baseUrl,
      apiKey: "sk-test-key-of-the-bench",
      env: { ...process.env, SWITCHYARD_HOME: this.folder },
      log: (level, message) => void this.log.push(`${level} ${message}`),
      ...options,
    });
    this.#agents.push(agent);
    return agent;
  }

  /** What the model was sent as the history, in its last request. */
  get history(): readonly Readonly<Record<string, unknown>>[] {
    return (this.lastBody["input"] ?? []) as readonly Readonly<Record<string, unknown>>[];
  }

  get lastBody(): Readonly<Record<string, unknown>> {
    return (this.model.requests.at(-1)?.body ?? {}) as Readonly<Record<string, unknown>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const started = descendants(process.pid).filter((pid) => !this.#before.includes(pid));
    await Promise.all(this.#agents.map((agent) => agent.close()));
    await this.model[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
    assert.deepEqual(await waitUntilGone(started), [], "processes left behind");
  }
}

export async function collect(turn: Promise<StreamedTurn>): Promise<ThreadEvent[]> {
  const events: ThreadEvent[] = [];
  for await (const event of (await turn).events) events.push(event);
  return events;
}

/** The error that a turn failed with, from its last event. */
export function failureOf(events: readonly ThreadEvent[]): {
  readonly message: string;
  readonly code?: string;
} {
  const last = events.at(-1);
  assert.ok(last?.type === "turn.failed", JSON.stringify(last));
  return last.error;
}
