/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A client of a server process that does at random what clients may do, under running copies, and
 * knows at each step what memory must look like.
 *
 *	soak SERVER [SECONDS [SEED]]
 */

#include <inttypes.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"
#include "soak_server.h"
#include "test.h"

#define RW       (VFU_MAP_READ | VFU_MAP_WRITE)
#define SLOTS    128u /* of the ring, 8 KiB */
#define BATCH    24u
#define OP_MAX   8192u
#define AREA     0x70000u /* bytes of sources, read-only, and of destinations */
#define PIECE    0x10000u /* they are granted in pieces */
#define PIECES   (AREA / PIECE)
#define INJECTED CHANERR_READ_DATA /* by --fault; nothing here causes it otherwise */
#define BOUND_MS RIG_WAIT_MS       /* for an answer */

TEST_LIST

static const char *server_path;
static unsigned int seconds = 10;
static uint64_t random_state = 1;

/** One operation, and whether it can succeed. */
struct op {
	uint64_t src, dst;
	uint32_t size;
	bool fill;
	uint32_t error; /* the CHANERR bit that it must cause; 0: none */
};

struct soak {
	struct rig r;
	struct soak_server server;
	int event_fd;
	uint8_t *expect; /* MEM_SIZE bytes */
	struct op op[BATCH];
	unsigned int first; /* slot of op[0] */
	uint16_t count;     /* DMACOUNT */
	bool armed;         /* the channel goes on from here */
	bool remote;        /* destinations are reached by messages */
	uint64_t events;    /* taken off eventfds */
	uint64_t done;      /* operations completed, by completion words */
	uint64_t ops, faults, remaps, resets, masters, suspends, connects;
	int64_t slowest_ms;
};

static uint32_t
pick(uint32_t below)
{
	/* xorshift64*: the same seed makes the same choices. */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dull) >> 33) % below;
}

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the client ---- */

static void
take_events(struct soak *s)
{
	uint64_t n;

	if (s->event_fd >= 0 && read(s->event_fd, &n, sizeof(n)) == sizeof(n))
		s->events += n;
}

static void
grant(struct soak *s, uint64_t addr, uint64_t size, uint32_t rights, bool remote)
{
	CHECK_INT(rig_map(&s->r, addr, size, rights, remote ? -1 : s->r.mem_fd,
	                  remote ? 0 : addr - MEM_BASE),
	          ==, 0);
}

/** What a client says before work, and again after a reset. */
static void
enable(struct soak *s)
{
	rig_write(&s->r, CFG, 4, 6, 2);
	s->armed = false;
}

static void
client_connect(struct soak *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int old = s->event_fd;
	unsigned int i;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", s->server.path);
	s->r.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(s->r.fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	CHECK_INT(rig_version(&s->r), >, 0);
	if (old >= 0) {
		take_events(s); /* the last client is done with when the next one is answered */
		close(old);
	}
	s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK_INT(rig_set_irqs(&s->r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	                       VFIO_PCI_MSIX_IRQ_INDEX, 1, s->event_fd),
	          ==, 0);
	s->remote = pick(4) == 0;
	grant(s, RING, 0x2000, VFU_MAP_READ, false);
	grant(s, CMP, 0x1000, RW, false);
	for (i = 0; i < PIECES; i++) {
		grant(s, SRC + i * PIECE, PIECE, VFU_MAP_READ, false);
		grant(s, DST + i * PIECE, PIECE, RW, s->remote);
	}
	enable(s);
	s->connects++;
}

static void
client_leave(struct soak *s)
{
	close(s->r.fd);
	client_connect(s);
}

/* ---- operations and what they must do ---- */

static struct op
random_op(void)
{
	struct op op = {.size = 1 + pick(pick(4) == 0 ? OP_MAX : 300), .fill = pick(3) == 0};

	op.src = op.fill ? (uint64_t)pick(UINT32_MAX) << 32 | pick(UINT32_MAX)
	                 : SRC + pick(AREA - OP_MAX);
	op.dst = DST + pick(AREA - OP_MAX);
	switch (pick(160)) {
	case 0: /* to what may only be read */
		op.dst = SRC + pick(AREA - OP_MAX);
		op.error = CHANERR_DST_ADDR;
		break;
	case 1: /* to what was never granted, behind the destinations */
		op.dst = DST + AREA + pick(PIECE - OP_MAX);
		op.error = CHANERR_DST_ADDR;
		break;
	case 2: /* over the end of what was granted */
		op.dst = DST + AREA - 1;
		op.size += 1;
		op.error = CHANERR_DST_ADDR;
		break;
	case 3:
		op.fill = false;
		op.src = CMP + 0x1000 + pick(0x1000);
		op.error = CHANERR_SRC_ADDR;
		break;
	case 4:
		op.size = 0;
		op.error = CHANERR_LENGTH;
		break;
	default:
		break;
	}
	return op;
}

static void
write_ring(struct soak *s, unsigned int n)
{
	unsigned int i, slot;

	for (i = 0; i < n; i++) {
		uint32_t ctrl = DESC_CTRL_COMPL | (pick(4) == 0 ? DESC_CTRL_INT_EN : 0);
		struct ioat_desc desc = {0};

		slot = (s->first + i) % SLOTS;
		s->op[i] = random_op();
		desc.size = s->op[i].size;
		desc.ctrl = ctrl | (s->op[i].fill ? DESC_CTRL_OP(IOAT_OP_FILL) : 0);
		desc.src = s->op[i].src;
		desc.dst = s->op[i].dst;
		desc.next = RING + (slot + 1) % SLOTS * sizeof(desc);
		memcpy(rig_at(&s->r, RING + slot * sizeof(desc)), &desc, sizeof(desc));
	}
	memset(rig_at(&s->r, CMP), 0, sizeof(uint64_t));
	memcpy(s->expect, s->r.mem, 0x9000); /* ring and completion word: the client's own */
}

/** Byte @p i of what an operation writes. */
static uint8_t
result(const struct soak *s, const struct op *op, uint32_t i)
{
	return op->fill ? (uint8_t)(op->src >> 8 * (i % 8)) : s->expect[op->src - MEM_BASE + i];
}

static void
apply(struct soak *s, const struct op *op)
{
	uint32_t i;

	CHECK_INT(op->error, ==, 0); /* what cannot succeed must not be reported so */
	for (i = 0; i < op->size; i++)
		s->expect[op->dst - MEM_BASE + i] = result(s, op, i);
}

/** The operation that did not complete may have written the first of its bytes. */
static void
apply_partly(struct soak *s, const struct op *op)
{
	uint32_t i;

	for (i = 0; i < op->size && op->dst + i >= DST && op->dst + i < DST + AREA; i++) {
		uint64_t at = op->dst - MEM_BASE + i;

		/* Only what may be read: a bad source has no bytes. */
		if (op->error & CHANERR_SRC_ADDR || s->r.mem[at] != result(s, op, i))
			break;
		s->expect[at] = s->r.mem[at];
	}
}

/** How many of @p n operations have completed, by the completion word. */
static unsigned int
completed(struct soak *s, unsigned int n)
{
	uint64_t word, last;
	unsigned int k;

	memcpy(&word, rig_at(&s->r, CMP), sizeof(word));
	last = word & CHANSTS_DESC;
	memcpy(s->expect + (CMP - MEM_BASE), &word, sizeof(word));
	if (last == 0 || last == RING + (s->first + SLOTS - 1) % SLOTS * sizeof(struct ioat_desc))
		return 0; /* none since the channel was armed, or since the last batch */
	CHECK(last >= RING && last < RING + SLOTS * sizeof(struct ioat_desc));
	k = (unsigned int)((last - RING) / sizeof(struct ioat_desc) + SLOTS - s->first) % SLOTS + 1;
	CHECK_INT(k, <=, n);
	return k;
}

/** All of memory, the guards of what was never granted included. */
static void
check_memory(struct soak *s, unsigned int n)
{
	unsigned int i, k = completed(s, n);

	for (i = 0; i < k; i++)
		apply(s, &s->op[i]);
	if (k < n)
		apply_partly(s, &s->op[k]);
	if (memcmp(s->r.mem, s->expect, MEM_SIZE) != 0) {
		for (i = 0; s->r.mem[i] == s->expect[i]; i++)
			;
		print_error("byte %#x is %#x, not %#x; %u of %u done\n", i, s->r.mem[i],
		            s->expect[i], k, n);
		CHECK(false);
	}
	s->done += k;
	s->ops += n;
	s->first = (s->first + n) % SLOTS;
}

/* ---- disturbances ---- */

static void
remap(struct soak *s)
{
	bool source = pick(3) == 0;
	uint64_t addr = (source ? SRC : DST) + pick(PIECES) * PIECE;
	static uint8_t before[PIECE];

	CHECK_INT(rig_unmap(&s->r, addr, PIECE), ==, sizeof(struct vfu_dma_unmap));
	memcpy(before, rig_at(&s->r, addr), PIECE);
	usleep(pick(300));
	CHECK_MEM(before, rig_at(&s->r, addr), PIECE); /* answered: nobody writes there */
	grant(s, addr, PIECE, source ? VFU_MAP_READ : RW, !source && s->remote);
	s->remaps++;
}

static void
reset(struct soak *s)
{
	switch (pick(3)) {
	case 0:
		rig_write(&s->r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_RESET, 1);
		break;
	case 1:
		rig_write(&s->r, CFG, 0x98, 0x8000, 2); /* FLR */
		break;
	default:
		CHECK_INT(rig_call(&s->r, VFU_DEVICE_RESET, NULL, 0, NULL, 0), ==, 0);
		break;
	}
	enable(s);
	s->resets++;
}

/** Do something to the function at work. */
static void
disturb(struct soak *s)
{
	usleep(pick(400));
	switch (pick(16)) {
	case 0:
	case 1:
	case 2:
		remap(s);
		break;
	case 3:
		reset(s);
		break;
	case 4:
		rig_write(&s->r, CFG, 4, 2, 2);
		usleep(pick(300));
		rig_write(&s->r, CFG, 4, 6, 2);
		s->masters++;
		break;
	case 5:
	case 6:
		rig_write(&s->r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_SUSPEND, 1);
		usleep(pick(300));
		rig_write(&s->r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_RESUME, 1);
		s->suspends++;
		break;
	case 7:
		if (pick(4) == 0)
			client_leave(s);
		break;
	default:
		break;
	}
}

/** Wait until the channel rests, and see that the halt of an undisturbed one has its reason. */
static void
settle(struct soak *s, unsigned int n, bool disturbed)
{
	enum ioat_state state = IOAT_STATE_ACTIVE;
	int64_t begin, end = clock_ms() + BOUND_MS;
	uint32_t error, want = 0;
	unsigned int k = 0;

	while (state == IOAT_STATE_ACTIVE) {
		begin = clock_ms();
		CHECK_INT(begin, <, end);
		state = (enum ioat_state)(rig_read(&s->r, BAR, CHAN(IOAT_CHANSTS), 8) &
		                          CHANSTS_STATE);
		if (clock_ms() - begin > s->slowest_ms)
			s->slowest_ms = clock_ms() - begin;
	}
	error = (uint32_t)rig_read(&s->r, BAR, CHAN(IOAT_CHANERR), 4);
	while (k < n && want == 0)
		want = s->op[k++].error;
	if (state == IOAT_STATE_HALTED) {
		s->faults += error != 0;
		if (!disturbed && error != 0 && error != INJECTED)
			CHECK_INT(error, ==, want);
		s->armed = false;
	} else if (!disturbed) {
		CHECK_INT(state, ==, IOAT_STATE_DONE);
		CHECK_INT(want, ==, 0);
		CHECK_INT(completed(s, n), ==, n);
	}
	rig_write(&s->r, BAR, CHAN(IOAT_CHANCTRL), 0x1d, 2); /* take interrupts again */
	take_events(s);
}

static void
one_batch(struct soak *s)
{
	unsigned int n = 1 + pick(BATCH);
	bool disturbed = pick(2) == 0;

	if (!s->armed) {
		rig_arm(&s->r);
		s->first = 0;
		s->count = 0;
		s->armed = true;
	}
	write_ring(s, n);
	s->count = (uint16_t)(s->count + n);
	rig_write(&s->r, BAR, CHAN(IOAT_DMACOUNT), s->count, 2);
	if (disturbed)
		disturb(s);
	settle(s, n, disturbed);
	check_memory(s, n);
}

/* ---- the test ---- */

static void
soak_open(struct soak *s)
{
	static const char *const options[] = {
		"--stats", "--bandwidth",          "2", "--fault", "chanerr,bit=8,after=97,again",
		"--fault", "halt,after=211,again", NULL};
	uint32_t i;

	*s = (struct soak){.event_fd = -1};
	soak_server_start(&s->server, server_path, options);
	s->r.mem_fd = memfd_create("client", MFD_CLOEXEC);
	CHECK_INT(ftruncate(s->r.mem_fd, MEM_SIZE), ==, 0);
	s->r.mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->r.mem_fd, 0);
	CHECK(s->r.mem != MAP_FAILED);
	s->expect = malloc(MEM_SIZE);
	CHECK(s->expect != NULL);
	memset(s->r.mem, GUARD, MEM_SIZE);
	for (i = 0; i < AREA; i++)
		s->r.mem[SRC - MEM_BASE + i] = (uint8_t)pick(256);
	memcpy(s->expect, s->r.mem, MEM_SIZE);
	client_connect(s);
}

static void
soak_close(struct soak *s)
{
	close(s->r.fd);
	CHECK_INT(soak_server_stop(&s->server), ==, 0); /* its sanitizers found nothing */
	close(s->event_fd);
	close(s->r.mem_fd);
	munmap(s->r.mem, MEM_SIZE);
	free(s->expect);
}

TEST(random_client_finds_every_operation_once_and_no_byte_out_of_place)
{
	struct soak s;
	uint64_t descriptors = 0, events = 0;
	unsigned int fds, mappings;
	int64_t end;

	soak_open(&s);
	client_leave(&s); /* from the second client on there are two helpers */
	fds = soak_server_count(&s.server, SERVER_FDS);
	mappings = soak_server_count(&s.server, SERVER_MAPPINGS);
	for (end = clock_ms() + seconds * 1000ll; clock_ms() < end;)
		one_batch(&s);
	while (s.remote)
		client_leave(&s); /* as at the beginning */
	client_leave(&s);
	take_events(&s);
	soak_server_stats(&s.server, &descriptors, &events);
	print_message("# %u s: operations %" PRIu64 " (completed %" PRIu64
	              "), halts with an error %" PRIu64 ", remaps %" PRIu64 ", resets %" PRIu64
	              ", bus master %" PRIu64 ", suspends %" PRIu64 ", clients %" PRIu64
	              ", events %" PRIu64 ", slowest answer %" PRId64 " ms\n",
	              seconds, s.ops, s.done, s.faults, s.remaps, s.resets, s.masters, s.suspends,
	              s.connects, s.events, s.slowest_ms);
	CHECK_INT(descriptors, ==, s.done);
	CHECK_INT(events, ==, s.events);
	/* A helper that was slow to close may have got a substitute. */
	CHECK_INT(soak_server_count(&s.server, SERVER_FDS), <=, fds + 2);
	CHECK_INT(soak_server_count(&s.server, SERVER_MAPPINGS), <=, mappings + 1);
	CHECK_INT(s.done, >, 100);
	soak_close(&s);
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s SERVER [SECONDS [SEED]]\n", argv[0]);
		return 2;
	}
	server_path = argv[1];
	if (argc > 2)
		seconds = (unsigned int)atoi(argv[2]);
	if (argc > 3)
		random_state = strtoull(argv[3], NULL, 10) | 1;
	return test_run_all("vfu_soak") == 0 ? 0 : 1;
}
