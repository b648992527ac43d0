/* Files of the example programs' layout whose program set something on the session key, of which nothing in the file tells:
 * what docs/cryptoapi.md lists in CryptoAPI's terms, with the option that says it to Strongroom. `just test-wine` compiles and
 * runs it.
 *
 *   parameters export OUT          writes the user's PRIVATEKEYBLOB, making the key pair if there is none
 *   parameters seal KIND IN FILE   encrypts IN to FILE
 *   parameters open KIND FILE OUT  decrypts FILE
 *   parameters rsa IN FILE         encrypts a short IN with the user's key itself
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (1 << 20)

static HCRYPTPROV provider;

/* What a kind of file is made with. */
static const struct kind {
    const char *name;
    ALG_ID algorithm;
    DWORD bits, flags;
    const char *iv, *salt;
    DWORD salt_bytes, mode, effective_bits;
    BOOL final;
} kinds[] = {
    { "plain", CALG_AES_256, 256, 0, NULL, NULL, 0, 0, 0, TRUE },
    { "iv", CALG_3DES, 0, 0, "23456789", NULL, 0, 0, 0, TRUE },
    { "iv-aes", CALG_AES_128, 128, 0, "0123456789abcdef", NULL, 0, 0, 0, TRUE },
    { "no-salt-rc4", CALG_RC4, 40, CRYPT_NO_SALT, NULL, "", 0, 0, 0, TRUE },
    { "no-salt-rc2", CALG_RC2, 40, CRYPT_NO_SALT, NULL, "", 0, 0, 0, TRUE },
    { "salt-rc4", CALG_RC4, 40, 0, NULL, "0123456789A", 11, 0, 0, TRUE },
    { "salt-rc2", CALG_RC2, 40, 0, NULL, "0123456789A", 11, 0, 0, TRUE },
    { "effective-bits", CALG_RC2, 128, 0, NULL, NULL, 0, 0, 40, TRUE },
    { "more-effective-bits", CALG_RC2, 56, 0, NULL, NULL, 0, 0, 128, TRUE },
    { "ecb", CALG_DES, 0, 0, NULL, NULL, 0, CRYPT_MODE_ECB, 0, TRUE },
    { "cfb", CALG_AES_256, 256, 0, "0123456789abcdef", NULL, 0, CRYPT_MODE_CFB, 0, TRUE },
    { "no-padding", CALG_AES_256, 256, 0, NULL, NULL, 0, 0, 0, FALSE },
    { "no-padding-iv", CALG_3DES, 0, 0, "23456789", NULL, 0, 0, 0, FALSE },
};

static void ok(BOOL done, const char *what)
{
    if (done) return;
    fprintf(stderr, "%s failed: 0x%08lx\n", what, (unsigned long)GetLastError());
    exit(1);
}

static const struct kind *find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name)) return &kinds[i];
    fprintf(stderr, "no kind %s\n", name);
    exit(2);
}

static BYTE *read_file(const char *name, DWORD *length)
{
    FILE *from = fopen(name, "rb");
    BYTE *bytes = malloc(BYTES_MAX);
    ok(from && bytes, name);
    *length = (DWORD)fread(bytes, 1, BYTES_MAX, from);
    fclose(from);
    return bytes;
}

static void write_file(const char *name, const void *head, DWORD head_length, const void *bytes, DWORD length)
{
    FILE *to = fopen(name, "wb");
    ok(to && fwrite(head, 1, head_length, to) == head_length && fwrite(bytes, 1, length, to) == length, name);
    ok(!fclose(to), name);
}

static HCRYPTKEY user_key(void)
{
    HCRYPTKEY key;
    if (!CryptGetUserKey(provider, AT_KEYEXCHANGE, &key))
        ok(CryptGenKey(provider, AT_KEYEXCHANGE, 2048 << 16 | CRYPT_EXPORTABLE, &key), "CryptGenKey");
    return key;
}

/* What nothing in the file tells. */
static void set(HCRYPTKEY key, const struct kind *kind)
{
    if (kind->mode) ok(CryptSetKeyParam(key, KP_MODE, (const BYTE *)&kind->mode, 0), "KP_MODE");
    if (kind->iv) ok(CryptSetKeyParam(key, KP_IV, (const BYTE *)kind->iv, 0), "KP_IV");
    if (kind->salt) {
        CRYPT_INTEGER_BLOB salt = { kind->salt_bytes, (BYTE *)kind->salt };
        ok(CryptSetKeyParam(key, KP_SALT_EX, (const BYTE *)&salt, 0), "KP_SALT_EX");
    }
    if (kind->effective_bits)
        ok(CryptSetKeyParam(key, KP_EFFECTIVE_KEYLEN, (const BYTE *)&kind->effective_bits, 0), "KP_EFFECTIVE_KEYLEN");
}

static void seal(const struct kind *kind, const char *in, const char *out)
{
    HCRYPTKEY session;
    DWORD length, blob_length;
    ok(CryptGenKey(provider, kind->algorithm, kind->bits << 16 | kind->flags | CRYPT_EXPORTABLE, &session), "CryptGenKey");
    set(session, kind);
    ok(CryptExportKey(session, user_key(), SIMPLEBLOB, 0, NULL, &blob_length), "CryptExportKey");
    BYTE *blob = malloc(sizeof blob_length + blob_length);
    memcpy(blob, &blob_length, sizeof blob_length);
    ok(CryptExportKey(session, user_key(), SIMPLEBLOB, 0, blob + sizeof blob_length, &blob_length), "CryptExportKey");
    BYTE *bytes = read_file(in, &length);
    ok(CryptEncrypt(session, 0, kind->final, 0, bytes, &length, BYTES_MAX), "CryptEncrypt");
    write_file(out, blob, sizeof blob_length + blob_length, bytes, length);
}

static void open_file(const struct kind *kind, const char *in, const char *out)
{
    HCRYPTKEY session;
    DWORD length, blob_length;
    BYTE *bytes = read_file(in, &length);
    memcpy(&blob_length, bytes, sizeof blob_length);
    ok(CryptImportKey(provider, bytes + sizeof blob_length, blob_length, user_key(), 0, &session), "CryptImportKey");
    set(session, kind);
    DWORD head = sizeof blob_length + blob_length;
    length -= head;
    ok(CryptDecrypt(session, 0, kind->final, 0, bytes + head, &length), "CryptDecrypt");
    write_file(out, NULL, 0, bytes + head, length);
}

int main(int count, char **words)
{
    const char *container = "strongroom-parameters", *act = count > 1 ? words[1] : "";
    if (!CryptAcquireContextA(&provider, container, NULL, PROV_RSA_AES, 0))
        ok(CryptAcquireContextA(&provider, container, NULL, PROV_RSA_AES, CRYPT_NEWKEYSET), "CryptAcquireContext");
    DWORD length;
    if (!strcmp(act, "export") && count == 3) {
        ok(CryptExportKey(user_key(), 0, PRIVATEKEYBLOB, 0, NULL, &length), "CryptExportKey");
        BYTE *blob = malloc(length);
        ok(CryptExportKey(user_key(), 0, PRIVATEKEYBLOB, 0, blob, &length), "CryptExportKey");
        write_file(words[2], NULL, 0, blob, length);
    } else if (!strcmp(act, "seal") && count == 5) {
        seal(find(words[2]), words[3], words[4]);
    } else if (!strcmp(act, "open") && count == 5) {
        open_file(find(words[2]), words[3], words[4]);
    } else if (!strcmp(act, "rsa") && count == 4) {
        BYTE *bytes = read_file(words[2], &length);
        ok(CryptEncrypt(user_key(), 0, TRUE, 0, bytes, &length, BYTES_MAX), "CryptEncrypt");
        write_file(words[3], NULL, 0, bytes, length);
    } else {
        fprintf(stderr, "usage: parameters export OUT | seal KIND IN FILE | open KIND FILE OUT | rsa IN FILE\n");
        return 2;
    }
    ok(CryptReleaseContext(provider, 0), "CryptReleaseContext");
    return 0;
}
