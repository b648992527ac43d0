/* A CryptoAPI program whose files outlive its user's key: the session key is exported twice, the second time to a backup
 * authority ("Storing session keys using a backup authority", Microsoft's SecCrypto pages). docs/cryptoapi.md goes
 * through it; `just test-wine` compiles and runs it.
 *
 *   backup seal AUTHORITY.pub IN FILE BLOB    encrypts IN to FILE; BLOB is to be deposited
 *   backup open FILE OUT                      decrypts FILE with the user's key
 *   backup public OUT                         writes the user's PUBLICKEYBLOB: where a recovered key is wrapped to
 *   backup forget                             deletes the user's key pair, as a lost profile does
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINER "strongroom-sample"
#define BLOCK 16
/* A multiple of every cipher's block: with the 1,000 bytes of Microsoft's example AES fails. */
#define CHUNK (64 * 1024)

static HCRYPTPROV provider;

static void ok(BOOL done, const char *what)
{
    if (done) return;
    fprintf(stderr, "%s failed: 0x%08lx\n", what, (unsigned long)GetLastError());
    exit(1);
}

/* wb truncates: an output that is opened without that keeps the end of a longer file that was there. */
static FILE *file(const char *name, const char *mode)
{
    FILE *opened = fopen(name, mode);
    if (!opened) { fprintf(stderr, "cannot open %s\n", name); exit(1); }
    return opened;
}

static void put(FILE *to, const void *bytes, DWORD length)
{
    if (fwrite(bytes, 1, length, to) != length) { fprintf(stderr, "cannot write\n"); exit(1); }
}

/* Fewer bytes than were asked for are the end, and not a disk that fails. */
static DWORD get(FILE *from, void *bytes, DWORD length)
{
    DWORD got = (DWORD)fread(bytes, 1, length, from);
    if (got < length && ferror(from)) { fprintf(stderr, "cannot read\n"); exit(1); }
    return got;
}

static void done(FILE *written)
{
    if (fclose(written)) { fprintf(stderr, "cannot write\n"); exit(1); }
}

/* The user's key exchange key pair. It is made only where there is none: after any other failure, of a smart card or a
 * profile that is not there yet, CryptGenKey would put a new pair in the place of the one that the files need. RSA of 2,048
 * bits takes the Enhanced provider or a later one. */
static HCRYPTKEY user_key(BOOL make)
{
    HCRYPTKEY key;
    BOOL there = CryptGetUserKey(provider, AT_KEYEXCHANGE, &key);
    if (!there && make && GetLastError() == (DWORD)NTE_NO_KEY)
        ok(CryptGenKey(provider, AT_KEYEXCHANGE, 2048 << 16 | CRYPT_EXPORTABLE, &key), "CryptGenKey");
    else
        ok(there, "CryptGetUserKey");
    return key;
}

static BYTE *exported(HCRYPTKEY key, HCRYPTKEY to, DWORD type, DWORD *length)
{
    ok(CryptExportKey(key, to, type, 0, NULL, length), "CryptExportKey");
    BYTE *blob = malloc(*length);
    ok(blob && CryptExportKey(key, to, type, 0, blob, length), "CryptExportKey");
    return blob;
}

static void seal(char **name)
{
    BYTE blob[4096], chunk[CHUNK + BLOCK];
    HCRYPTKEY session, authority, user = user_key(TRUE);
    FILE *from = file(name[0], "rb");
    DWORD length = get(from, blob, sizeof blob);
    fclose(from);
    ok(CryptImportKey(provider, blob, length, 0, 0, &authority), "CryptImportKey of the authority's key");
    ok(CryptGenKey(provider, CALG_AES_256, CRYPT_EXPORTABLE, &session), "CryptGenKey");

    /* Once for the authority: this is all that a program has to add. */
    BYTE *deposit = exported(session, authority, SIMPLEBLOB, &length);
    FILE *to = file(name[3], "wb");
    put(to, deposit, length);
    done(to);

    /* And once for the user, into the file. */
    BYTE *own = exported(session, user, SIMPLEBLOB, &length);
    from = file(name[1], "rb");
    to = file(name[2], "wb");
    put(to, &length, sizeof length);
    put(to, own, length);
    for (BOOL last = FALSE; !last;) {
        length = get(from, chunk, CHUNK);
        last = length < CHUNK;
        ok(CryptEncrypt(session, 0, last, 0, chunk, &length, sizeof chunk), "CryptEncrypt");
        put(to, chunk, length);
    }
    done(to);
}

static void open_file(char **name)
{
    BYTE blob[4096], chunk[CHUNK], next[CHUNK];
    HCRYPTKEY session;
    DWORD length, ahead;
    FILE *from = file(name[0], "rb");
    ok(get(from, &length, sizeof length) == sizeof length && length <= sizeof blob, "reading the length");
    ok(get(from, blob, length) == length, "reading the key");
    ok(CryptImportKey(provider, blob, length, user_key(FALSE), 0, &session), "CryptImportKey");
    FILE *to = file(name[1], "wb");
    /* One chunk ahead: the last one has to be known as such, however long it is. */
    length = get(from, chunk, CHUNK);
    do {
        ahead = get(from, next, CHUNK);
        ok(CryptDecrypt(session, 0, ahead == 0, 0, chunk, &length), "CryptDecrypt");
        put(to, chunk, length);
        memcpy(chunk, next, ahead);
        length = ahead;
    } while (ahead);
    done(to);
}

int main(int count, char **words)
{
    const char *act = count > 1 ? words[1] : "";
    if (!strcmp(act, "forget")) {
        ok(CryptAcquireContextA(&provider, CONTAINER, NULL, PROV_RSA_AES, CRYPT_DELETEKEYSET), "deleting the key pair");
        return 0;
    }
    if (!CryptAcquireContextA(&provider, CONTAINER, NULL, PROV_RSA_AES, 0))
        ok(CryptAcquireContextA(&provider, CONTAINER, NULL, PROV_RSA_AES, CRYPT_NEWKEYSET), "CryptAcquireContext");
    if (!strcmp(act, "seal") && count == 6) seal(words + 2);
    else if (!strcmp(act, "open") && count == 4) open_file(words + 2);
    else if (!strcmp(act, "public") && count == 3) {
        DWORD length;
        BYTE *blob = exported(user_key(TRUE), 0, PUBLICKEYBLOB, &length);
        FILE *to = file(words[2], "wb");
        put(to, blob, length);
        done(to);
    } else {
        fprintf(stderr, "usage: backup seal AUTHORITY.pub IN FILE BLOB | open FILE OUT | public OUT | forget\n");
        return 2;
    }
    ok(CryptReleaseContext(provider, 0), "CryptReleaseContext");
    return 0;
}
