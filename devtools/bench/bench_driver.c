/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Cycles per operation that drivers cost on a device that costs nothing. Prints records as CSV,
 * for devtools/bench-driver to make a table of. In each run all subjects take turns within some
 * ten microseconds, so that they meet the machine in the same state.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#ifdef BENCH_CALLGRIND
#include <valgrind/callgrind.h>
#endif

#include "bench_common.h"
#include "bench_subject.h"

#define LENGTH     64u
#define BURST_MAX  256u
#define BURSTS_MAX 16u
#define BYTES      (BURST_MAX * LENGTH)
#define SUBJECTS   3u
#define RUN_OPS    512u /* about the operations of one driver in one turn */
#define CHECK_OPS  5000u

enum part {
	ENQUEUE,
	SUBMIT,
	COMPLETED,
	PARTS
};

static const char *const part_names[PARTS] = {"enqueue", "submit", "completed"};

struct options {
	unsigned int bursts[BURSTS_MAX];
	unsigned int nb_bursts;
	unsigned int runs;
	uint16_t nb_desc;
	bool count;
};

/** What a burst should look like to the device, and what was different. */
struct expectation {
	uint8_t *src, *dst;
	unsigned int seen;
	bool move; /**< the device really copies */
};

static struct expectation expectation;

static int
device_op(void *ctx, const struct ioat_desc *desc)
{
	struct expectation *e = ctx;
	size_t offset = (size_t)e->seen++ * LENGTH;

	if (desc->ctrl >> DESC_CTRL_OP_SHIFT != IOAT_OP_COPY || desc->size != LENGTH ||
	    desc->src != (uintptr_t)e->src + offset || desc->dst != (uintptr_t)e->dst + offset)
		return -EBADMSG;
	if (e->move)
		memcpy(e->dst + offset, e->src + offset, LENGTH);
	return 0;
}

/* Let the device run a burst of n. */
static int
device_turn(struct bench_subject *s, unsigned int n)
{
	int rc;

	expectation.seen = 0;
	rc = bench_device_run(&s->hw, device_op, &expectation);
	if (rc < 0)
		return rc;
	return expectation.seen == n ? 0 : -EBADMSG;
}

static __rte_always_inline int
enqueue(int16_t dev_id, unsigned int n)
{
	rte_iova_t src = (uintptr_t)expectation.src, dst = (uintptr_t)expectation.dst;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < n; i++, src += LENGTH, dst += LENGTH)
		rc = rte_dma_copy(dev_id, 0, src, dst, LENGTH, 0);
	return rc;
}

/* One burst with time stamps around each part; what came of it is looked at afterwards. */
static __rte_always_inline int
burst(struct bench_subject *s, unsigned int n, uint16_t *idx, uint64_t took[PARTS])
{
	uint64_t at[5];
	uint16_t last = (uint16_t)(*idx - 1), done; /* not set: wrong */
	bool error = false;
	int rc, enqueued, submitted;

	at[0] = rte_rdtsc_precise();
	enqueued = enqueue(s->dev_id, n);
	at[1] = rte_rdtsc_precise();
	submitted = rte_dma_submit(s->dev_id, 0);
	at[2] = rte_rdtsc_precise();
	rc = s->floor ? 0 : device_turn(s, n);
	at[3] = rte_rdtsc_precise();
	done = rte_dma_completed(s->dev_id, 0, (uint16_t)n, &last, &error);
	at[4] = rte_rdtsc_precise();
	took[ENQUEUE] += at[1] - at[0];
	took[SUBMIT] += at[2] - at[1];
	took[COMPLETED] += at[4] - at[3];
	if (rc < 0)
		return rc;
	*idx = (uint16_t)(*idx + n);
	if (s->floor)
		return 0;
	if (enqueued != (uint16_t)(*idx - 1) || submitted != 0 || done != n || error ||
	    last != (uint16_t)(*idx - 1))
		return -EBADMSG;
	return 0;
}

static int
measure(struct bench_subject *s, unsigned int n, uint16_t *idx, double cycles[PARTS])
{
	unsigned int rounds = RTE_MAX(RUN_OPS / n, 4u), i;
	uint64_t took[PARTS] = {0}, timer = bench_timer_cost();
	int rc;

	for (i = 0; i < rounds; i++) {
		rc = burst(s, n, idx, took);
		if (rc < 0)
			return rc;
	}
	for (i = 0; i < PARTS; i++)
		cycles[i] = ((double)took[i] / rounds - (double)timer) / n;
	return 0;
}

static void
print_cycles(unsigned int run, unsigned int n, const char *label, const double cycles[PARTS])
{
	unsigned int i;

	for (i = 0; i < PARTS; i++)
		printf("cycles,%u,%u,%s,%s,%.3f\n", run, n, label, part_names[i], cycles[i]);
}

/* All subjects with all bursts once; who is first changes from run to run. */
static int
run_once(struct bench_subject *s, const struct options *opt, unsigned int run, uint16_t *idx)
{
	double cycles[SUBJECTS][PARTS];
	unsigned int b, i, turn;
	int rc;

	for (b = 0; b < opt->nb_bursts; b++) {
		for (i = 0; i < SUBJECTS; i++) {
			turn = (run + i) % SUBJECTS;
			rc = measure(&s[turn], opt->bursts[b], &idx[turn], cycles[turn]);
			if (rc < 0)
				return rc;
		}
		for (i = 0; i < SUBJECTS; i++)
			print_cycles(run, opt->bursts[b], s[i].label, cycles[i]);
	}
	return 0;
}

#ifdef BENCH_CALLGRIND
/* The parts of a burst, each alone in a dump that carries its name. */
static int
count_burst(struct bench_subject *s, unsigned int n, uint16_t *idx)
{
	bool error = false;
	char name[64];
	uint16_t last;
	int rc;

#define COUNT(part, call)                                                                \
	do {                                                                             \
		CALLGRIND_ZERO_STATS;                                                    \
		CALLGRIND_TOGGLE_COLLECT;                                                \
		call;                                                                    \
		CALLGRIND_TOGGLE_COLLECT;                                                \
		snprintf(name, sizeof(name), "%u,%s,%s", n, s->label, part_names[part]); \
		CALLGRIND_DUMP_STATS_AT(name);                                           \
	} while (0)
	COUNT(ENQUEUE, enqueue(s->dev_id, n));
	COUNT(SUBMIT, rte_dma_submit(s->dev_id, 0));
	rc = s->floor ? 0 : device_turn(s, n);
	COUNT(COMPLETED, rte_dma_completed(s->dev_id, 0, (uint16_t)n, &last, &error));
#undef COUNT
	*idx = (uint16_t)(*idx + n);
	return rc;
}

static int
count(struct bench_subject *s, const struct options *opt, uint16_t *idx)
{
	unsigned int b, i;
	int rc;

	for (b = 0; b < opt->nb_bursts; b++) {
		for (i = 0; i < SUBJECTS; i++) {
			rc = count_burst(&s[i], opt->bursts[b], &idx[i]);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}
#else
static int
count(struct bench_subject *s, const struct options *opt, uint16_t *idx)
{
	RTE_SET_USED(s);
	RTE_SET_USED(opt);
	RTE_SET_USED(idx);
	return -ENOTSUP;
}
#endif

/* Copies of changing data by the device, byte for byte, over several laps of the ring. */
static int
check(struct bench_subject *s, uint16_t nb_desc, uint16_t *idx)
{
	uint64_t took[PARTS] = {0};
	unsigned int ops, n, i;
	int rc = 0;

	expectation.move = true;
	for (ops = 0; ops < CHECK_OPS && rc == 0; ops += n) {
		n = ops % RTE_MIN(BURST_MAX, nb_desc - 1u) + 1;
		for (i = 0; i < BYTES; i++)
			expectation.src[i] = (uint8_t)(ops + i * 31);
		memset(expectation.dst, 0, BYTES);
		rc = burst(s, n, idx, took);
		if (rc == 0 && memcmp(expectation.src, expectation.dst, n * LENGTH) != 0)
			rc = -EBADMSG;
	}
	expectation.move = false;
	printf("checked,%s,%u\n", s->label, ops);
	return rc;
}

static void
usage(void)
{
	printf("usage: bench-driver [EAL options] -- [options]\n"
	       "\n"
	       "  -b, --bursts N[,N...]  operations per burst, each 1 to %u (1,32)\n"
	       "  -n, --ring N           descriptors of a ring, 64 to 4096, more than a burst "
	       "(1024)\n"
	       "  -r, --runs N           measurements of each, 1 to 100000 (100)\n"
	       "  -c, --count            one burst of each, in dumps for callgrind\n"
	       "  -h, --help             this text\n",
	       BURST_MAX);
}

static int
parse_number(const char *name, const char *text, unsigned int min, unsigned int max,
             unsigned int *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
		fprintf(stderr, "bench-driver: %s '%s' is outside %u to %u\n", name, text, min,
		        max);
		return -EINVAL;
	}
	*out = (unsigned int)value;
	return 0;
}

static int
parse_bursts(char *text, struct options *opt)
{
	char *word, *rest = NULL;

	opt->nb_bursts = 0;
	for (word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
		if (opt->nb_bursts == BURSTS_MAX) {
			fprintf(stderr, "bench-driver: more than %u bursts\n", BURSTS_MAX);
			return -EINVAL;
		}
		if (parse_number("burst", word, 1, BURST_MAX, &opt->bursts[opt->nb_bursts++]) < 0)
			return -EINVAL;
	}
	return opt->nb_bursts == 0 ? -EINVAL : 0;
}

/* 0; 1: help was wanted; -EINVAL, which stderr says why. */
static int
parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{"bursts", required_argument, NULL, 'b'}, {"ring", required_argument, NULL, 'n'},
		{"runs", required_argument, NULL, 'r'},   {"count", no_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
	};
	unsigned int ring = 1024, i;
	int c, rc = 0;

	*opt = (struct options){.bursts = {1, 32}, .nb_bursts = 2, .runs = 100};
	while (rc == 0 && (c = getopt_long(argc, argv, "b:n:r:ch", longs, NULL)) != -1) {
		switch (c) {
		case 'b':
			rc = parse_bursts(optarg, opt);
			break;
		case 'n':
			rc = parse_number("ring", optarg, 64, 4096, &ring);
			break;
		case 'r':
			rc = parse_number("runs", optarg, 1, 100000, &opt->runs);
			break;
		case 'c':
			opt->count = true;
			break;
		case 'h':
			return 1;
		default:
			return -EINVAL;
		}
	}
	opt->nb_desc = (uint16_t)ring;
	for (i = 0; rc == 0 && i < opt->nb_bursts; i++) {
		if (opt->bursts[i] < ring) /* one slot of a ring stays empty */
			continue;
		fprintf(stderr, "bench-driver: a burst of %u does not fit a ring of %u\n",
		        opt->bursts[i], ring);
		rc = -EINVAL;
	}
	return rc;
}

static int
bench(struct bench_subject *s, const struct options *opt)
{
	uint16_t idx[SUBJECTS] = {0};
	unsigned int run, i;
	int rc = 0;

	expectation.src = rte_zmalloc(NULL, BYTES, RTE_CACHE_LINE_SIZE);
	expectation.dst = rte_zmalloc(NULL, BYTES, RTE_CACHE_LINE_SIZE);
	if (expectation.src == NULL || expectation.dst == NULL)
		rc = -ENOMEM;
	for (i = 0; rc == 0 && i < SUBJECTS; i++)
		rc = s[i].floor ? 0 : check(&s[i], opt->nb_desc, &idx[i]);
	if (rc == 0 && opt->count)
		rc = count(s, opt, idx);
	for (run = 0; rc == 0 && !opt->count && run < opt->runs; run++)
		rc = run_once(s, opt, run, idx);
	rte_free(expectation.src);
	rte_free(expectation.dst);
	return rc;
}

static int
open_all(struct bench_subject *s, uint16_t nb_desc)
{
	static const struct {
		const char *label, *driver;
	} drivers[] = {{"ours", "dma_ioat_pci"}, {"dpdk", "dmadev_ioat"}};
	unsigned int i;
	int rc;

	for (i = 0; i < RTE_DIM(drivers); i++) {
		rc = bench_subject_open(&s[i], drivers[i].label, drivers[i].driver, i, nb_desc);
		if (rc < 0) {
			fprintf(stderr, "bench-driver: driver %s: %s\n", drivers[i].driver,
			        rc == -ENOENT ? "not loaded" : strerror(-rc));
			return rc;
		}
	}
	return bench_subject_open_floor(&s[i]);
}

int
main(int argc, char **argv)
{
	static struct bench_subject subjects[SUBJECTS];
	struct options opt;
	unsigned int i;
	int used, rc;

	bench_subject_watch();
	used = rte_eal_init(argc, argv);
	if (used < 0)
		return 1;
	rc = parse(argc - used, argv + used, &opt);
	if (rc > 0)
		usage();
	if (rc == 0) {
		for (i = 0; i < SUBJECTS; i++)
			subjects[i].dev_id = -1;
		rc = open_all(subjects, opt.nb_desc);
		if (rc == 0)
			rc = bench(subjects, &opt);
		if (rc < 0)
			fprintf(stderr, "bench-driver: %s\n", strerror(-rc));
		for (i = 0; i < SUBJECTS; i++)
			if (subjects[i].dev_id >= 0 && bench_subject_close(&subjects[i]) < 0)
				rc = -EIO;
	}
	rte_eal_cleanup();
	return rc < 0;
}
