/* SPDX-License-Identifier: Apache-2.0 */
/* oracle-load - background writes beside the oracle, on the same disk; only a file system check looks at them.
 *
 *   oracle-load TARGET START BYTES KIND PAUSE_US
 *   TARGET  a file (made when missing) or a block device; writes stay inside [START, START + BYTES)
 *   KIND    rand  4..64 KiB anywhere, fdatasync now and then
 *           seq   64 KiB one after another, wrapping round, fdatasync at each wrap
 *           db    16 KiB pages anywhere, fdatasync after every eighth
 *           mix   rand, and now and then the file is cut to half and grows again
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t state;
static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    uint64_t start = strtoull(argv[2], NULL, 10), bytes = strtoull(argv[3], NULL, 10), at = 0;
    const char *kind = argv[4];
    unsigned pause_us = (unsigned)strtoul(argv[5], NULL, 10);
    int f = open(argv[1], O_RDWR | O_CREAT, 0644);
    struct stat st;
    if (f < 0 || fstat(f, &st)) { perror(argv[1]); return 1; }
    if (bytes < 1u << 20) { fprintf(stderr, "%s: at least 1 MiB of room is needed\n", argv[1]); return 2; }
    state = (uint64_t)getpid() * 0x9e3779b97f4a7c15ull + 1;
    static uint64_t block[8192];
    int db = !strcmp(kind, "db"), seq = !strcmp(kind, "seq"), mix = !strcmp(kind, "mix");
    for (uint64_t n = 1;; n++) {
        size_t length = db ? 16384 : seq ? 65536 : 4096 * (1 + next() % 16);
        uint64_t offset = seq ? at : next() % ((bytes - length) / 4096) * 4096;
        for (size_t i = 0; i < length / 8; i++) block[i] = next();
        if (pwrite(f, block, length, (off_t)(start + offset)) < 0) { perror("write"); usleep(100000); }
        at = offset + 2 * length > bytes ? 0 : offset + length;
        if ((db && n % 8 == 0) || (seq && at == 0) || (!db && !seq && n % 61 == 0)) if (fdatasync(f)) perror("fdatasync");
        if (mix && S_ISREG(st.st_mode) && n % 1999 == 0 && ftruncate(f, (off_t)(bytes / 2))) perror("ftruncate");
        if (pause_us) usleep(pause_us);
    }
}
