/**
 * The program that the official conformance suite starts as a client: `conformance-relay.mjs PORT URL`. It hands what the
 * suite gave it to the test at that port, where the client runs, and ends when the test closes the connection.
 */
import { connect } from "node:net";

const [port, url] = process.argv.slice(2);
const { MCP_CONFORMANCE_SCENARIO: scenario = "", MCP_CONFORMANCE_CONTEXT: context = "{}" } = process.env;
connect(Number(port), "127.0.0.1").end(JSON.stringify({ scenario, url, context })).resume();
