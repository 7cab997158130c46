/** An MCP server that starts in a few milliseconds: a script for `sh`. */

interface Options {
  /** Commands that it runs before. */
  readonly first?: string;
  /** What every call answers, as JSON inside of single quotes of the shell. */
  readonly content?: string;
}

/** @param tools as its `tools/list` has them */
export function smallServer(tools: readonly object[], { first = "", content = "[]" }: Options = {}): string {
  const capabilities = `"capabilities":{"tools":{}},"serverInfo":{"name":"small","version":"1"}`;
  // `echo` may read the backslashes of JSON.
  return `say() { printf '%s\\n' "$1"; }
${first}
while read -r line; do
  id=\${line##*\\"id\\":}; id=\${id%%[,\\}]*}
  case $line in
    *'"initialize"'*) say '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-11-25",${capabilities}}}' ;;
    *'"tools/list"'*) say '{"jsonrpc":"2.0","id":'$id',"result":{"tools":${JSON.stringify(tools)}}}' ;;
    *'"tools/call"'*) say '{"jsonrpc":"2.0","id":'$id',"result":{"content":${content}}}' ;;
    *'"id":'*) say '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"Method not found"}}' ;;
  esac
done
`;
}
