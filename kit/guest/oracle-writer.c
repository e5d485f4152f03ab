/* SPDX-License-Identifier: Apache-2.0 */
/* oracle-writer - numbered, checksummed, durable records over any number of disks, in one global order.
 *
 *   oracle-writer [-p PORT] [-s STATUS] [-b SLOT_BYTES] [-n SLOTS] [-w PAUSE_US] [-o seeded|robin] [-a] DISK...
 *   oracle-writer -p PORT -x TEXT          only report "bad TEXT"
 *   DISK = raw:/dev/vdc (ring on the first half of the device) | file:/data/vda/oracle.log (ring in a file)
 *   -a preallocates the files; without it they grow until the ring is full.
 *
 * Invariants:
 *   Record n+1 is issued only after record n is durable (O_DSYNC), so any write-ordered cut over all disks holds
 *   exactly 1..N (or, where rings wrapped, an unbroken run that ends at N). At most one slot is torn: the one of N+1.
 *   A number is reported only after its record is durable. A writer that finds its disks inconsistent never writes.
 *
 * SIGUSR1 writes a mark record and pauses (STATUS.quiet exists meanwhile), SIGUSR2 goes on, SIGTERM stops cleanly.
 */
#define _GNU_SOURCE
#include "oracle-format.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define DISKS_MAX 64u
#define SLOTS_MAX 131072u
#define BACKLOG 4096u /* reports kept while the witness is connected but slow */

struct disk {
    const char *path;
    int raw, fd, fresh;
    uint64_t bytes;               /* room for header and slots */
    uint64_t ordinal, last;       /* newest record: its ordinal here and its number */
    uint64_t first_ordinal;       /* oldest record still held */
    uint64_t *numbers;            /* record number by slot */
    struct header h;
};

static struct disk disks[DISKS_MAX];
static uint32_t disk_count, slot_bytes = 512, spread = SPREAD_SEEDED;
static uint64_t slots_wanted, set, run, generation, boot_last, newest;
static int preallocate, port = -1, status_fd = -1;
static const char *status_path;
static volatile sig_atomic_t want_quiet, want_stop;

/* ---- reports ------------------------------------------------------------------------------------------------ */

struct report { const char *verb; uint64_t n, ms; };
static struct report backlog[BACKLOG];
static uint32_t backlog_head, backlog_used;
static int connected;

static uint64_t clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int witness_there(void) {
    struct pollfd p = { .fd = port, .events = POLLOUT };
    return poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR));
}

static int send_line(const char *line, int length) { return write(port, line, (size_t)length) == length; }

static int send_boot(void) {
    char line[160];
    int l = snprintf(line, sizeof line, "boot %016" PRIx64 " %016" PRIx64 " %" PRIu64 " %" PRIu64 " %u %" PRIu64 "\n",
                     set, run, generation, boot_last, disk_count, clock_ms());
    return send_line(line, l);
}

static void flush_reports(void) {
    if (port < 0) return;
    if (!witness_there()) { connected = 0; backlog_used = 0; return; } /* nobody listens: these are not owed */
    if (!connected && !(connected = send_boot())) return;              /* every connection begins with who we are */
    while (backlog_used) {
        const struct report *r = &backlog[backlog_head];
        char line[120];
        int l = snprintf(line, sizeof line, "%s %016" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                         r->verb, run, generation, r->n, r->ms);
        if (!send_line(line, l)) return; /* queue full: kept, in order, for the next call */
        backlog_head = (backlog_head + 1) % BACKLOG;
        backlog_used--;
    }
}

static void report(const char *verb, uint64_t n) {
    if (backlog_used == BACKLOG) { backlog_head = (backlog_head + 1) % BACKLOG; backlog_used--; }
    backlog[(backlog_head + backlog_used++) % BACKLOG] = (struct report){ verb, n, clock_ms() };
    flush_reports();
}

static void bad(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void bad(const char *format, ...) {
    char text[400], line[420];
    va_list a;
    va_start(a, format);
    vsnprintf(text, sizeof text, format, a);
    va_end(a);
    fprintf(stderr, "ORACLE BAD %s\n", text);
    int l = snprintf(line, sizeof line, "bad %s\n", text);
    for (int i = 0; port >= 0 && i < 50 && !(witness_there() && send_line(line, l)); i++) usleep(100000);
    exit(3);
}

static void show_status(const char *state) {
    char line[200];
    memset(line, ' ', sizeof line);
    int l = snprintf(line, sizeof line, "records %" PRIu64 "\ngeneration %" PRIu64 "\nrun %016" PRIx64 "\nstate %s\n",
                     newest, generation, run, state);
    if (status_fd >= 0 && (pwrite(status_fd, line, (size_t)l, 0) != l || ftruncate(status_fd, l))) perror("status");
}

/* ---- opening and recovery ----------------------------------------------------------------------------------- */

static int all_zero(const uint8_t *b, size_t bytes) { return !*b && !memcmp(b, b + 1, bytes - 1); }

static size_t read_at(struct disk *d, void *to, size_t bytes, uint64_t offset) {
    size_t got = 0;
    while (got < bytes) {
        ssize_t r = pread(d->fd, (uint8_t *)to + got, bytes - got, (off_t)(offset + got));
        if (r < 0) bad("read %s at %" PRIu64 ": %s", d->path, offset, strerror(errno));
        if (r == 0) break;
        got += (size_t)r;
    }
    return got;
}

static void open_disk(struct disk *d, const char *spec) {
    d->raw = !strncmp(spec, "raw:", 4);
    if (!d->raw && strncmp(spec, "file:", 5)) bad("disk %s is neither raw: nor file:", spec);
    d->path = strchr(spec, ':') + 1;
    d->fd = open(d->path, O_RDWR | O_DSYNC | (d->raw ? O_DIRECT : O_CREAT), 0644);
    if (d->fd < 0) bad("open %s: %s", d->path, strerror(errno));
    if (d->raw) {
        uint64_t size;
        int block;
        if (ioctl(d->fd, BLKGETSIZE64, &size) || ioctl(d->fd, BLKSSZGET, &block)) bad("size of %s", d->path);
        if ((uint32_t)block > slot_bytes) slot_bytes = (uint32_t)block;
        d->bytes = size / 2; /* the other half is for background load */
    } else {
        struct statvfs v;
        if (fstatvfs(d->fd, &v)) bad("statvfs %s", d->path);
        d->bytes = (uint64_t)v.f_bavail * v.f_frsize / 2;
    }
}

static void read_header(struct disk *d, void *buffer) {
    struct header *h = buffer;
    size_t got = read_at(d, buffer, HEADER_BYTES, 0);
    if (got < HEADER_BYTES) memset((uint8_t *)buffer + got, 0, HEADER_BYTES - got);
    if (all_zero(buffer, HEADER_BYTES)) { d->fresh = 1; return; }
    if (memcmp(h->magic, HEADER_MAGIC, 8)) bad("%s holds something that is not an oracle header", d->path);
    uint32_t crc = h->crc;
    h->crc = 0;
    if (crc32c(buffer, HEADER_BYTES) != crc) bad("header of %s has a wrong checksum", d->path);
    if (h->version != FORMAT_VERSION) bad("%s has format version %u", d->path, h->version);
    if (h->slot_bytes < 512 || h->slot_bytes % 512 || h->slot_bytes > 1u << 20 || !h->slots || h->slots > SLOTS_MAX ||
        h->disk >= h->disks || h->disks > DISKS_MAX) bad("header of %s makes no sense", d->path);
    d->h = *h;
}

/* Disks may come up under other names than before: the header, not the position, says which one it is. */
static void order_disks(void) {
    struct disk sorted[DISKS_MAX];
    uint32_t old = 0, at = 0;
    for (uint32_t i = 0; i < disk_count; i++) old += !disks[i].fresh;
    if (!old) return;
    memset(sorted, 0, sizeof sorted);
    const struct header *model = NULL;
    for (uint32_t i = 0; i < disk_count; i++) {
        struct disk *d = &disks[i];
        if (d->fresh) continue;
        if (!model) model = &d->h;
        if (d->h.disks != disk_count) bad("%s is one of %u disks, but %u are here", d->path, d->h.disks, disk_count);
        if (d->h.set != model->set || d->h.slot_bytes != model->slot_bytes || d->h.spread != model->spread)
            bad("%s belongs to another set of disks than %s", d->path, disks[0].path);
        if (sorted[d->h.disk].path) bad("%s and %s are both disk %u", d->path, sorted[d->h.disk].path, d->h.disk);
        sorted[d->h.disk] = *d;
    }
    set = model->set;
    slot_bytes = model->slot_bytes;
    spread = model->spread;
    for (uint32_t i = 0; i < disk_count; i++) { /* a crash between two headers leaves some disks fresh */
        if (!disks[i].fresh) continue;
        while (sorted[at].path) at++;
        sorted[at] = disks[i];
    }
    memcpy(disks, sorted, sizeof disks);
}

static void write_header(struct disk *d, uint32_t index, void *buffer) {
    uint64_t room = (d->bytes > HEADER_BYTES ? d->bytes - HEADER_BYTES : 0) / slot_bytes;
    uint64_t slots = slots_wanted ? slots_wanted : room < SLOTS_MAX ? room : SLOTS_MAX;
    if (slots > room || slots < 16 || slots > SLOTS_MAX) bad("%s has room for %" PRIu64 " slots", d->path, room);
    d->h = (struct header){ .version = FORMAT_VERSION, .disk = index, .disks = disk_count, .slot_bytes = slot_bytes,
                            .slots = slots, .set = set, .spread = spread };
    memcpy(d->h.magic, HEADER_MAGIC, 8);
    memset(buffer, 0, HEADER_BYTES);
    memcpy(buffer, &d->h, sizeof d->h);
    ((struct header *)buffer)->crc = crc32c(buffer, HEADER_BYTES);
    if (!d->raw && preallocate) {
        int e = posix_fallocate(d->fd, 0, (off_t)(HEADER_BYTES + slots * slot_bytes));
        if (e) bad("preallocate %s: %s", d->path, strerror(e));
    }
    if (pwrite(d->fd, buffer, HEADER_BYTES, 0) != HEADER_BYTES || fsync(d->fd)) bad("header of %s", d->path);
    if (!d->raw) { /* the name of the file must survive as well */
        char parent[256];
        snprintf(parent, sizeof parent, "%s", d->path);
        *strrchr(parent, '/') = 0;
        int f = open(parent, O_RDONLY | O_DIRECTORY);
        if (f < 0 || fsync(f)) bad("sync of %s", parent);
        close(f);
    }
}

enum slot { SLOT_EMPTY, SLOT_VALID, SLOT_TORN };

static enum slot read_slot(struct disk *d, uint8_t *b) {
    struct record *r = (struct record *)b;
    if (all_zero(b, slot_bytes)) return SLOT_EMPTY;
    uint32_t crc = r->crc;
    r->crc = 0;
    if (memcmp(r->magic, RECORD_MAGIC, 8) || crc32c(b, slot_bytes) != crc) return SLOT_TORN;
    if (r->set != set || r->disk != d->h.disk || r->disks != disk_count) bad("%s holds a record of another disk", d->path);
    if (disk_of(set, r->n, disk_count, spread) != r->disk) bad("record %" PRIu64 " is on %s", r->n, d->path);
    return SLOT_VALID;
}

/* Finds the newest record and proves that what should be behind it is there. */
static void scan(struct disk *d, uint8_t *b, size_t chunk) {
    uint64_t slots = d->h.slots, torn = UINT64_MAX, ends = slots, *previous = calloc(slots, 8), *ordinal = calloc(slots, 8);
    d->numbers = calloc(slots, 8);
    if (!d->numbers || !previous || !ordinal) bad("no memory");
    for (uint64_t s = 0, got = 0, at = 0; s < ends; s++, at += slot_bytes) {
        if (at + slot_bytes > got || s == 0) {
            got = read_at(d, b, chunk / slot_bytes * slot_bytes, HEADER_BYTES + s * slot_bytes);
            at = 0;
            if (got < slot_bytes) memset(b + got, 0, slot_bytes - got);
        }
        const struct record *r = (struct record *)(b + at);
        switch (read_slot(d, b + at)) {
        case SLOT_EMPTY: ends = s; break; /* rings fill from the front: nothing behind the first empty slot */
        case SLOT_TORN:
            if (torn != UINT64_MAX) bad("%s has two torn slots, %" PRIu64 " and %" PRIu64, d->path, torn, s);
            torn = s;
            break;
        case SLOT_VALID:
            if ((r->ordinal - 1) % slots != s) bad("%s slot %" PRIu64 " holds ordinal %" PRIu64, d->path, s, r->ordinal);
            d->numbers[s] = r->n;
            previous[s] = r->previous;
            ordinal[s] = r->ordinal;
            if (r->ordinal > d->ordinal) { d->ordinal = r->ordinal; d->last = r->n; }
            if (r->generation > generation) generation = r->generation;
            break;
        }
    }
    if (torn != UINT64_MAX && torn != d->ordinal % slots)
        bad("%s slot %" PRIu64 " is torn, and it is not the next one", d->path, torn);
    d->first_ordinal = d->ordinal > slots ? d->ordinal - slots + 1 : 1;
    if (torn != UINT64_MAX && d->ordinal >= slots) d->first_ordinal++;
    for (uint64_t o = d->first_ordinal, before = 0; o <= d->ordinal; o++) {
        uint64_t s = (o - 1) % slots;
        if (ordinal[s] != o) bad("%s misses ordinal %" PRIu64 " of %" PRIu64, d->path, o, d->ordinal);
        if (o > d->first_ordinal && previous[s] != before) bad("%s breaks its chain at ordinal %" PRIu64, d->path, o);
        before = d->numbers[s];
    }
    free(previous);
    free(ordinal);
    if (d->last > newest) newest = d->last;
}

/* One cut: from the number that every disk still reaches back to, none may be missing up to the newest. */
static void prove_one_cut(void) {
    uint64_t low = 1, have = 0;
    for (uint32_t i = 0; i < disk_count; i++) {
        struct disk *d = &disks[i];
        if (d->ordinal && d->first_ordinal > 1) {
            uint64_t n = d->numbers[(d->first_ordinal - 1) % d->h.slots];
            if (n > low) low = n;
        }
    }
    for (uint32_t i = 0; i < disk_count; i++)
        for (uint64_t o = disks[i].first_ordinal; o && o <= disks[i].ordinal; o++)
            have += disks[i].numbers[(o - 1) % disks[i].h.slots] >= low;
    if (newest && have != newest - low + 1)
        bad("disks hold %" PRIu64 " records between %" PRIu64 " and %" PRIu64 ": not one cut", have, low, newest);
}

static void recover(uint8_t *b, size_t chunk) {
    for (uint32_t i = 0; i < disk_count; i++) read_header(&disks[i], b);
    order_disks();
    for (uint32_t i = 0; i < disk_count; i++)
        if (!disks[i].fresh) scan(&disks[i], b, chunk);
    for (uint32_t i = 0; i < disk_count; i++) {
        if (!disks[i].fresh) continue;
        if (newest) bad("%s is empty while other disks hold %" PRIu64 " records", disks[i].path, newest);
        if (!set) set = splitmix(run);
        write_header(&disks[i], i, b);
    }
    prove_one_cut();
    generation++;
    boot_last = newest;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void append(uint32_t kind, uint8_t *b) {
    uint64_t n = newest + 1;
    struct disk *d = &disks[disk_of(set, n, disk_count, spread)];
    struct record *r = (struct record *)b;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    *r = (struct record){ .set = set, .run = run, .generation = generation, .n = n, .ordinal = d->ordinal + 1,
                          .previous = d->last, .unix_us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000,
                          .disk = d->h.disk, .disks = disk_count, .kind = kind };
    memcpy(r->magic, RECORD_MAGIC, 8);
    for (size_t i = sizeof *r; i < slot_bytes; i += 8) *(uint64_t *)(b + i) = n ^ (i * 0x9e3779b97f4a7c15ull);
    r->crc = crc32c(b, slot_bytes);
    off_t offset = (off_t)(HEADER_BYTES + d->ordinal % d->h.slots * slot_bytes);
    if (pwrite(d->fd, b, slot_bytes, offset) != (ssize_t)slot_bytes) bad("write %s: %s", d->path, strerror(errno));
    d->ordinal++;
    d->last = newest = n;
    report(kind == KIND_MARK ? "mark" : "ack", n);
}

static void stay_quiet(uint8_t *b) {
    char name[256];
    snprintf(name, sizeof name, "%s.quiet", status_path ? status_path : "/tmp/oracle");
    append(KIND_MARK, b);
    show_status("quiet");
    int f = open(name, O_WRONLY | O_CREAT, 0644);
    if (f >= 0) close(f);
    while (want_quiet && !want_stop) { usleep(2000); flush_reports(); }
    unlink(name);
}

static void on_signal(int s) {
    if (s == SIGTERM || s == SIGINT) want_stop = 1;
    else want_quiet = s == SIGUSR1;
}

static void write_forever(uint8_t *b, unsigned pause_us) {
    uint64_t shown = 0;
    while (!want_stop) {
        if (want_quiet) stay_quiet(b);
        append(KIND_RECORD, b);
        uint64_t now = clock_ms();
        if (now - shown >= 50) { show_status("writing"); shown = now; }
        if (pause_us) usleep(pause_us);
    }
    report("stop", newest);
    for (int i = 0; i < 100 && backlog_used; i++) { usleep(5000); flush_reports(); }
    show_status("stopped");
}

int main(int argc, char **argv) {
    unsigned pause_us = 0;
    const char *only = NULL;
    for (int o; (o = getopt(argc, argv, "p:s:b:n:w:o:ax:")) != -1;) switch (o) {
        case 'p': port = open(optarg, O_WRONLY | O_NONBLOCK); break;
        case 's': status_path = optarg; status_fd = open(optarg, O_WRONLY | O_CREAT | O_TRUNC, 0644); break;
        case 'b': slot_bytes = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'n': slots_wanted = strtoull(optarg, NULL, 10); break;
        case 'w': pause_us = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'o': spread = strcmp(optarg, "robin") ? SPREAD_SEEDED : SPREAD_ROBIN; break;
        case 'a': preallocate = 1; break;
        case 'x': only = optarg; break;
        default: return 2;
    }
    if (only) bad("%s", only);
    if (slot_bytes < 512 || slot_bytes % 512 || slot_bytes > 1u << 20) bad("record size %u is not allowed", slot_bytes);
    if (optind >= argc || argc - optind > (int)DISKS_MAX) bad("%d disks are not allowed", argc - optind);
    crc_prepare();
    if (getrandom(&run, sizeof run, 0) != sizeof run) bad("no random numbers");
    struct sigaction act = { .sa_handler = on_signal };
    sigaction(SIGUSR1, &act, NULL);
    sigaction(SIGUSR2, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
    while (optind < argc) open_disk(&disks[disk_count++], argv[optind++]);
    size_t chunk = 1u << 20;
    uint8_t *b = aligned_alloc(4096, chunk);
    if (!b) bad("no memory");
    recover(b, chunk);
    fprintf(stderr, "ORACLE BOOT generation %" PRIu64 " last %" PRIu64 " disks %u\n", generation, boot_last, disk_count);
    flush_reports();
    show_status("writing");
    write_forever(b, pause_us);
    return 0;
}
