/** Who may connect to an executor: from flags, files and one variable to the check of a connection. */
import {
  type Authenticator,
  bearerAuthenticator,
  jwtAuthenticator,
  type ListenAddress,
  openAuthenticator,
} from "../../executor/index.ts";
import { type Args, UsageError } from "../args/parse.ts";
import { readSecret } from "../input.ts";

/** The variable that may hold the token. It is not passed on to what is started. */
export const TOKEN_VARIABLE = "SWITCHYARD_EXECUTOR_TOKEN";

const CREDENTIAL_FLAGS = ["token-file", "token-sha256", "jwt-secret-file"];
const JWT_FLAGS = ["jwt-issuer", "jwt-audience", "jwt-max-clock-skew-seconds"];

/**
 * @param token from the variable
 * @throws {UsageError} for flags that contradict each other
 * @throws {ConfigError} for a file that cannot be read
 */
export async function chooseAuthenticator(
  args: Args,
  { kind }: ListenAddress,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Authenticator> {
  const flags = CREDENTIAL_FLAGS.filter((flag) => args.has(flag)).map((flag) => `--${flag}`);
  const given = token === undefined ? flags : [...flags, TOKEN_VARIABLE];
  if (given.length > 1) throw new UsageError(`${given.join(" and ")} cannot be given together`);
  if (flags[0] !== undefined && kind === "stdio") {
    throw new UsageError(
      `${flags[0]} has no effect with --listen stdio: the process that holds the pipes is the only client`,
    );
  }
  const secretFile = args.one("jwt-secret-file");
  const stray = JWT_FLAGS.find((flag) => args.has(flag));
  if (secretFile === undefined && stray !== undefined) {
    throw new UsageError(`--${stray} needs --jwt-secret-file`);
  }
  if (secretFile !== undefined) {
    const [issuer, audience] = [args.one("jwt-issuer"), args.one("jwt-audience")];
    const maxClockSkewSeconds = args.wholeNumber("jwt-max-clock-skew-seconds", 0);
    return jwtAuthenticator({
      secret: await readToken("jwt-secret-file", secretFile, signal),
      now: () => new Date(),
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
      ...(maxClockSkewSeconds === undefined ? {} : { maxClockSkewSeconds }),
    });
  }
  const tokenFile = args.one("token-file");
  if (tokenFile !== undefined) {
    return bearerAuthenticator({ token: await readToken("token-file", tokenFile, signal) });
  }
  const sha256 = args.one("token-sha256");
  if (sha256 !== undefined) return bearerAuthenticator({ sha256 });
  if (token === undefined) return openAuthenticator;
  if (token.trim() === "") throw new UsageError(`${TOKEN_VARIABLE} is set, but empty`);
  return bearerAuthenticator({ token });
}

async function readToken(flag: string, file: string, signal: AbortSignal): Promise<string> {
  const token = await readSecret(flag, file, signal);
  if (token.trim() === "") throw new UsageError(`--${flag}: the file is empty`);
  return token;
}
