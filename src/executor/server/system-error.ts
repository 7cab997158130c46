export { systemErrorText, toRpcError } from "../system-error.ts";
