/** Which calls may overlap with others: Codex's rule (0.169, 0.171), as a function of facts. */
export interface ParallelInput {
  /** `supports_parallel_tool_calls` of the server that the call is routed to. @default false */
  readonly serverFlag?: boolean | undefined;
  /** Of the live tool. A remembered catalog has none that count: leave them out, and the call is serial. */
  readonly annotations?: { readonly readOnlyHint?: boolean | undefined } | undefined;
  /** Whether what the server says about its own tools is believed. @default true, as in Codex */
  readonly trustHints?: boolean | undefined;
}

/**
 * Whether a call may run beside others: its server allows it, or its tool only reads.
 *
 * All three facts are those of the server and the tool that the call is **routed** to, never of the name that the model saw:
 * names of two servers may look alike, or collide.
 */
export function isParallel({ serverFlag = false, annotations, trustHints = true }: ParallelInput): boolean {
  return serverFlag || (trustHints && annotations?.readOnlyHint === true);
}
