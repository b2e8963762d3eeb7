// Opens a stored row with nothing but the published formats: keyring (JWK Set) -> data key (JWE around a JWK)
// -> credentials (JWE). Reads {"library", "folder", "keyring", "dataKeys", "table", "row", "destination"} on
// standard input and prints the credentials as JSON. "library" is "jose", found from "folder", or "webcrypto",
// which every Node has.
import { createHash, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const asked = JSON.parse(readFileSync(0, "utf8"));
const parsed = (value) => (typeof value === "string" ? JSON.parse(value) : value);
const encodedPlace = (place) => Buffer.from(JSON.stringify(place)).toString("base64url");

async function withJose() {
  const found = createRequire(`${asked.folder}/`).resolve("jose");
  const { flattenedDecrypt, importJWK } = await import(pathToFileURL(found).href);
  return async (jwe, jwk) => {
    const key = await importJWK(jwk, "A256GCM");
    const options = { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] };
    return (await flattenedDecrypt(jwe, key, options)).plaintext;
  };
}

async function withWebCrypto() {
  return async (jwe, jwk) => {
    const bytes = (name) => Buffer.from(jwe[name], "base64url");
    const { kty, k } = jwk;
    const key = await webcrypto.subtle.importKey("jwk", { kty, k }, "AES-GCM", false, ["decrypt"]);
    // RFC 7516, section 5.1, step 14: the protected header as it is written, a full stop, the aad as it is written.
    const additionalData = Buffer.from(`${jwe.protected}.${jwe.aad}`, "ascii");
    const algorithm = { name: "AES-GCM", iv: bytes("iv"), additionalData, tagLength: 128 };
    return webcrypto.subtle.decrypt(algorithm, key, Buffer.concat([bytes("ciphertext"), bytes("tag")]));
  };
}

const decrypt = await (asked.library === "jose" ? withJose() : withWebCrypto());

async function opened(jwe, jwk, place) {
  const header = JSON.parse(Buffer.from(jwe.protected, "base64url").toString());
  if (header.alg !== "dir" || header.enc !== "A256GCM" || header.kid !== jwk.kid) throw new Error("another header");
  if (jwe.aad !== encodedPlace(place)) throw new Error("made for another place");
  return JSON.parse(Buffer.from(await decrypt(jwe, jwk)).toString("utf8"));
}

const { table, row } = asked;
const sealed = parsed(row.credentials);
const dataKey = asked.dataKeys.find((one) => one.id === row.credentialsKeyId);
const master = asked.keyring.keys.find((one) => one.kid === dataKey.masterKeyId);
const jwk = await opened(parsed(dataKey.wrappedKey), master, [
  "avnz-int", 1, "DataKey", "wrappedKey", dataKey.id, dataKey.organizationId, dataKey.purpose,
]);
const sorted = Object.fromEntries(Object.entries(asked.destination).sort());
const digest = createHash("sha256").update(JSON.stringify(sorted)).digest("base64url");
const owner = table === "ClientIntegration" ? row.clientId : row.organizationId;
const place = ["avnz-int", 1, table, "credentials", row.id, owner, row.provider, row.environment, digest];
process.stdout.write(JSON.stringify(await opened(sealed, jwk, place)));
