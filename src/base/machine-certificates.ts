/** Where a Linux machine keeps the root certificates that it trusts: Codex looks in these places (crate openssl-probe). */
import { existsSync } from "node:fs";

const FILES = [
  // Debian, Alpine, Arch
  "/etc/ssl/certs/ca-certificates.crt",
  // Fedora, RHEL
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  // openSUSE
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
const FOLDERS = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

export interface MachineCertificates {
  /** All of them in one file. */
  readonly file: string | undefined;
  /** Each in a file of its own. */
  readonly folder: string | undefined;
}

export function machineCertificates(): MachineCertificates {
  return { file: FILES.find((path) => existsSync(path)), folder: FOLDERS.find((path) => existsSync(path)) };
}
