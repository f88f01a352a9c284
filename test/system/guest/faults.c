/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * DMA devices that fail one operation again and again, each time after so many good ones: exactly
 * those must be reported as failed and have written nothing, all others have moved their data.
 * What the devices failed, and how, is printed for the caller to compare with what was injected.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_dmadev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memzone.h>
#include <rte_random.h>

#define SEED    20260101
#define RING    64
#define BURST   32
#define SLOT    512 /* bytes of each operation's memory, the last of them never written */
#define PATTERN 0x5a
#define WAIT_MS 5000

/* An operation in flight. */
struct op {
	uint32_t len;
	bool fill;
};

struct run {
	int16_t dev;
	const char *name;
	uint8_t *src, *dst;
	rte_iova_t src_iova, dst_iova;
	struct op op[BURST];
	uint32_t good;     /* operations between two failures */
	uint32_t run;      /* good ones since the last failure */
	uint32_t ops;      /* finished */
	uint32_t failed;   /* of those */
	unsigned int code; /* the status of all failures */
};

static int
complain(const struct run *r, const char *fmt, ...)
{
	va_list ap;

	printf("%s: operation %u: ", r->name, r->ops);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return -EPROTO;
}

static uint64_t
fill_pattern(const struct run *r, uint32_t i)
{
	uint64_t pattern;

	memcpy(&pattern, r->src + i * SLOT, sizeof(pattern));
	return pattern;
}

/* Fill the memory of n operations and submit them. */
static int
burst_start(struct run *r, uint32_t n, bool can_fill)
{
	for (uint32_t i = 0; i < n * SLOT; i++)
		r->src[i] = (uint8_t)rte_rand();
	memset(r->dst, PATTERN, n * SLOT);
	for (uint32_t i = 0; i < n; i++) {
		struct op *op = &r->op[i];
		rte_iova_t dst = r->dst_iova + i * SLOT;
		int rc;

		op->len = 1 + (uint32_t)rte_rand_max(SLOT - 1);
		op->fill = can_fill && rte_rand_max(4) == 0;
		rc = op->fill ? rte_dma_fill(r->dev, 0, fill_pattern(r, i), dst, op->len, 0)
		              : rte_dma_copy(r->dev, 0, r->src_iova + i * SLOT, dst, op->len, 0);
		if (rc < 0)
			return complain(r, "refused: %s", rte_strerror(-rc));
	}
	return rte_dma_submit(r->dev, 0);
}

/* Whether operation i of a burst left memory as it must. */
static int
memory_check(const struct run *r, uint32_t i, bool moved)
{
	const struct op *op = &r->op[i];
	uint8_t want[SLOT];
	uint64_t pattern = fill_pattern(r, i);

	memset(want, PATTERN, SLOT);
	if (moved && !op->fill)
		memcpy(want, r->src + i * SLOT, op->len);
	for (uint32_t b = 0; moved && op->fill && b < op->len; b++)
		want[b] = (uint8_t)(pattern >> (b % 8 * 8));
	if (memcmp(want, r->dst + i * SLOT, SLOT) == 0)
		return 0;
	return complain(r, "%s %u bytes %s", op->fill ? "fill of" : "copy of", op->len,
	                moved ? "was reported as done, the data is wrong"
	                      : "was reported as failed and has written");
}

/* The first run of good operations may be shorter: the driver may have used the device before. */
static int
failure_note(struct run *r, enum rte_dma_status_code status)
{
	if (r->run != r->good && (r->failed != 0 || r->run > r->good))
		return complain(r, "failed after %u good ones, not %u", r->run, r->good);
	if (r->failed != 0 && (unsigned int)status != r->code)
		return complain(r, "status %u, the failures before had %u", status, r->code);
	r->code = status;
	r->failed++;
	r->run = 0;
	return 0;
}

/* Operation i of a burst is finished. */
static int
op_end(struct run *r, uint32_t i, enum rte_dma_status_code status)
{
	int rc = memory_check(r, i, status == RTE_DMA_STATUS_SUCCESSFUL);

	if (rc < 0)
		return rc;
	if (status != RTE_DMA_STATUS_SUCCESSFUL)
		rc = failure_note(r, status);
	else if (++r->run > r->good)
		rc = complain(r, "%u good ones in a row, one of them should have failed", r->run);
	r->ops++;
	return rc;
}

static int
wait_over(const struct run *r)
{
	enum rte_dma_vchan_status status = RTE_DMA_VCHAN_IDLE;

	rte_dma_vchan_status(r->dev, 0, &status);
	return complain(r, "not finished in %u ms, the channel is %shalted", WAIT_MS,
	                status == RTE_DMA_VCHAN_HALTED_ERROR ? "" : "not ");
}

/* Take the completions of n operations: the good ones together, a failed one by its status. */
static int
burst_finish(struct run *r, uint32_t n)
{
	const uint64_t end = rte_get_timer_cycles() + rte_get_timer_hz() / 1000 * WAIT_MS;
	uint32_t i = 0;

	while (i < n) {
		enum rte_dma_status_code status;
		uint16_t last, got;
		bool error = false;
		int rc = 0;

		got = rte_dma_completed(r->dev, 0, BURST, &last, &error);
		if (got > n - i)
			return complain(r, "%u completions, %u operations", got, n - i);
		for (; got > 0 && rc == 0; got--)
			rc = op_end(r, i++, RTE_DMA_STATUS_SUCCESSFUL);
		if (rc == 0 && error && rte_dma_completed_status(r->dev, 0, 1, &last, &status) == 1)
			rc = op_end(r, i++, status);
		if (rc < 0)
			return rc;
		if (i < n && rte_get_timer_cycles() > end)
			return wait_over(r);
	}
	return 0;
}

static int
dev_start(const struct run *r)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM,
		.nb_desc = RING,
	};
	int rc = rte_dma_configure(r->dev, &conf);

	if (rc == 0)
		rc = rte_dma_vchan_setup(r->dev, 0, &vconf);
	if (rc == 0)
		rc = rte_dma_start(r->dev);
	return rc == 0 ? 0 : complain(r, "the device does not start: %s", rte_strerror(-rc));
}

static int
stats_check(const struct run *r)
{
	struct rte_dma_stats stats;

	if (rte_dma_stats_get(r->dev, 0, &stats) != 0)
		return complain(r, "no statistics");
	if (stats.submitted == r->ops && stats.completed == r->ops && stats.errors == r->failed)
		return 0;
	return complain(
		r, "statistics of %" PRIu64 " submitted, %" PRIu64 " completed, %" PRIu64 " failed",
		stats.submitted, stats.completed, stats.errors);
}

/* At least ops operations on one device. @return 0; a negative errno after saying what is wrong. */
static int
dev_run(struct run *r, uint32_t ops)
{
	struct rte_dma_info info;
	int rc = rte_dma_info_get(r->dev, &info);

	if (rc < 0)
		return rc;
	r->name = info.dev_name;
	rc = dev_start(r);
	while (rc == 0 && r->ops < ops) {
		uint32_t n = 1 + (uint32_t)rte_rand_max(BURST);

		rc = burst_start(r, n, (info.dev_capa & RTE_DMA_CAPA_OPS_FILL) != 0);
		if (rc == 0)
			rc = burst_finish(r, n);
	}
	if (rc == 0)
		rc = stats_check(r);
	printf("device %s operations %u failed %u status %u\n", r->name, r->ops, r->failed,
	       r->code);
	rte_dma_dump(r->dev, stdout);
	rte_dma_stop(r->dev);
	return rc;
}

static uint32_t
number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	return *text >= '1' && *text <= '9' && *end == '\0' && v <= 1000000 ? (uint32_t)v : 0;
}

static int
run_all(uint32_t good, uint32_t ops)
{
	const struct rte_memzone *mem =
		rte_memzone_reserve_aligned("faults", 2 * BURST * SLOT, SOCKET_ID_ANY,
	                                    RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
	unsigned int devices = 0;
	int16_t dev;
	int rc = 0;

	if (mem == NULL) {
		fprintf(stderr, "guest_faults: no memory\n");
		return -ENOMEM;
	}
	RTE_DMA_FOREACH_DEV (dev) {
		struct run r = {.dev = dev, .src = mem->addr, .src_iova = mem->iova, .good = good};

		r.dst = r.src + BURST * SLOT;
		r.dst_iova = r.src_iova + BURST * SLOT;
		if (dev_run(&r, ops) < 0)
			rc = -EPROTO;
		devices++;
	}
	rte_memzone_free(mem);
	if (devices == 0) {
		fprintf(stderr, "guest_faults: no DMA device\n");
		return -ENODEV;
	}
	return rc;
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	uint32_t good = 0, ops = 0;
	int rc;

	if (used < 0) {
		fprintf(stderr, "guest_faults: EAL does not start: %s\n", rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	if (argc - used == 3) {
		good = number(argv[used + 1]);
		ops = number(argv[used + 2]);
	}
	if (good == 0 || ops == 0) {
		fprintf(stderr, "usage: guest_faults [EAL arguments] -- GOOD OPERATIONS\n"
		                "GOOD operations between two failures and OPERATIONS for each "
		                "device, 1 to 1000000\n");
		return EXIT_FAILURE;
	}
	rte_srand(SEED);
	rc = run_all(good, ops);
	rte_eal_cleanup();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
