/* SPDX-License-Identifier: Apache-2.0 */
/* What the oracle puts on disks. README.md describes it; OracleFormat.cs reads it. Little endian throughout. */
#ifndef ORACLE_FORMAT_H
#define ORACLE_FORMAT_H
#include <stddef.h>
#include <stdint.h>

#define HEADER_MAGIC "LBORACLH"
#define RECORD_MAGIC "LBORACL1"
#define HEADER_BYTES 4096u /* the header fills the first 4096 bytes; slot 0 begins right behind it */
#define FORMAT_VERSION 1u

enum spread { SPREAD_ROBIN = 0, SPREAD_SEEDED = 1 };
enum kind { KIND_RECORD = 1, KIND_MARK = 2 };

struct header {
    char magic[8];
    uint32_t version, disk, disks, slot_bytes;
    uint64_t slots, set;
    uint32_t spread, crc; /* crc: CRC-32C of the 4096 bytes with this field zero */
};

struct record {
    char magic[8];
    uint64_t set, run, generation, n, ordinal, previous, unix_us;
    uint32_t disk, disks, kind, crc; /* crc: CRC-32C of the whole slot with this field zero */
};

static uint32_t crc_table[8][256];

static void crc_prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
        crc_table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^ crc_table[0][crc_table[t - 1][i] & 255];
}

/* Eight bytes at a time: the recovery scan checks tens of megabytes on an emulated processor. */
static uint32_t crc32c(const void *data, size_t bytes) {
    const uint8_t *p = data;
    uint32_t c = 0xffffffffu;
    for (; bytes >= 8; bytes -= 8, p += 8) {
        uint32_t a, b;
        __builtin_memcpy(&a, p, 4);
        __builtin_memcpy(&b, p + 4, 4);
        a ^= c;
        c = crc_table[7][a & 255] ^ crc_table[6][a >> 8 & 255] ^ crc_table[5][a >> 16 & 255] ^ crc_table[4][a >> 24] ^
            crc_table[3][b & 255] ^ crc_table[2][b >> 8 & 255] ^ crc_table[1][b >> 16 & 255] ^ crc_table[0][b >> 24];
    }
    for (; bytes; bytes--, p++) c = (c >> 8) ^ crc_table[0][(c ^ *p) & 255];
    return ~c;
}

static uint64_t splitmix(uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/* The disk of record n is a function, so a checker can name the disk on which a record is missing. */
static uint32_t disk_of(uint64_t set, uint64_t n, uint32_t disks, uint32_t spread) {
    return (uint32_t)((spread == SPREAD_SEEDED ? splitmix(set ^ n) : n - 1) % disks);
}
#endif
