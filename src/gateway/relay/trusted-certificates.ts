/**
 * Whose certificates are trusted where a request leaves this machine in Codex's place: those that Codex itself would trust.
 *
 *   `caFile` alone, or SSL_CERT_FILE and SSL_CERT_DIR, or those of the system; with the latter two also CODEX_CA_CERTIFICATE and
 *   NODE_EXTRA_CA_CERTS
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import tls from "node:tls";
import { machineCertificates } from "../../base/machine-certificates.ts";

export interface TrustedCertificates {
  /** Instead of all others. */
  readonly caFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads and parses them: 45 ms for 300 of a system. Keep it.
 *
 * As in Codex, what the environment names and cannot be read does not count.
 *
 * @throws the error of a `caFile` that cannot be read
 */
export function secureContextOf({ caFile, env }: TrustedCertificates): tls.SecureContext {
  if (caFile !== undefined) return tls.createSecureContext({ ca: readFileSync(caFile, "latin1") });
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders, CODEX_CA_CERTIFICATE, NODE_EXTRA_CA_CERTS } = env;
  const ca = [...certificatesOf(file), ...(folders ?? "").split(":").flatMap(certificatesIn)];
  if (ca.length === 0) ca.push(...ofSystem());
  ca.push(...[CODEX_CA_CERTIFICATE, NODE_EXTRA_CA_CERTS].flatMap(certificatesOf));
  return tls.createSecureContext({ ca });
}

/** Those that Node brings with it, where the machine has none. */
function ofSystem(): readonly string[] {
  // Node 22.15 and later; elsewhere than on Linux, earlier ones cannot read them.
  const { getCACertificates } = tls as { readonly getCACertificates?: typeof tls.getCACertificates };
  const system = getCACertificates?.("system") ?? certificatesOf(machineCertificates().file);
  return system.length > 0 ? system : tls.rootCertificates;
}

function certificatesOf(file: string | undefined): string[] {
  if (file === undefined || file === "") return [];
  try {
    return [readFileSync(file, "latin1")];
  } catch {
    return [];
  }
}

/** A folder has each certificate in a file of its own. */
function certificatesIn(folder: string): string[] {
  try {
    return folder === "" ? [] : readdirSync(folder).flatMap((name) => certificatesOf(join(folder, name)));
  } catch {
    return [];
  }
}
