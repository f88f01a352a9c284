/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* What the contract tests share, and their main function. */

#include <errno.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memzone.h>
#include <rte_random.h>

#include "contract.h"

TEST_LIST

#define EXIT_SKIP 77
#define SEED      20260101

int16_t dev = -1;
struct rte_dma_info dev_info;
struct contract_area src, dst;

static const struct rte_memzone *zone;
static unsigned int patience_ms = WAIT_MS;

int
contract_open(const char *name)
{
	dev = name != NULL ? (int16_t)rte_dma_get_dev_id_by_name(name) : rte_dma_next_dev(0);
	if (dev < 0 || rte_dma_info_get(dev, &dev_info) != 0)
		return -ENODEV;
	zone = rte_memzone_reserve_aligned("contract", 2 * AREA_SIZE, SOCKET_ID_ANY,
	                                   RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
	if (zone == NULL)
		return -rte_errno;
	src = (struct contract_area){zone->addr, zone->iova};
	dst = (struct contract_area){src.va + AREA_SIZE, src.iova + AREA_SIZE};
	return 0;
}

void
contract_close(void)
{
	rte_dma_stop(dev);
	rte_dma_close(dev);
	rte_memzone_free(zone);
}

uint16_t
dev_ring(uint16_t nb_desc)
{
	if (nb_desc < dev_info.min_desc)
		return dev_info.min_desc;
	return RTE_MIN(nb_desc, dev_info.max_desc);
}

void
dev_up(uint16_t nb_desc)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM,
		.nb_desc = dev_ring(nb_desc),
	};

	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_configure(dev, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &vconf), ==, 0);
	CHECK_INT(rte_dma_start(dev), ==, 0);
	CHECK_INT(rte_dma_stats_reset(dev, 0), ==, 0);
}

void
need_capa(uint64_t capa, const char *why)
{
	if ((dev_info.dev_capa & capa) != capa)
		SKIP(why);
}

void
scramble(void *buf, size_t len)
{
	uint8_t *p = buf;
	uint64_t r;

	for (; len >= sizeof(r); p += sizeof(r), len -= sizeof(r)) {
		r = rte_rand();
		memcpy(p, &r, sizeof(r));
	}
	r = rte_rand();
	memcpy(p, &r, len);
}

uint16_t
copy(size_t src_off, size_t dst_off, uint32_t len, uint64_t flags)
{
	int id = rte_dma_copy(dev, 0, src.iova + src_off, dst.iova + dst_off, len, flags);

	CHECK_INT(id, >=, 0);
	CHECK_INT(id, <=, UINT16_MAX);
	return (uint16_t)id;
}

void
submit(void)
{
	CHECK_INT(rte_dma_submit(dev, 0), ==, 0);
}

uint64_t
deadline_set(void)
{
	return rte_get_timer_cycles() + rte_get_timer_hz() / 1000 * patience_ms;
}

void
deadline_check(uint64_t deadline, const char *what)
{
	if (rte_get_timer_cycles() < deadline)
		return;
	print_error("after %u ms: no %s\n", patience_ms, what);
	rte_dma_dump(dev, stderr);
	patience_ms = IMPATIENT_MS;
	fail();
}

void
reap(uint32_t n, uint16_t max, uint16_t last)
{
	const uint64_t deadline = deadline_set();
	const uint16_t before = (uint16_t)(last - n);
	uint32_t done = 0;

	while (done < n) {
		uint16_t idx = (uint16_t)(last + 1);
		bool error = true;
		uint16_t got = rte_dma_completed(dev, 0, max, &idx, &error);

		CHECK(!error);
		CHECK_INT(got, <=, max);
		done += got;
		CHECK_INT(done, <=, n);
		if (got != 0)
			CHECK_INT(idx, ==, (uint16_t)(before + done));
		deadline_check(deadline, "completion");
	}
}

void
nothing_completes(void)
{
	const uint64_t end = rte_get_timer_cycles() + rte_get_timer_hz() / 1000 * QUIET_MS;

	while (rte_get_timer_cycles() < end) {
		bool error = true;

		CHECK_INT(rte_dma_completed(dev, 0, UINT16_MAX, NULL, &error), ==, 0);
		CHECK(!error);
	}
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	const char *name;
	int rc;

	if (used < 0) {
		fprintf(stderr, "contract_dmadev: EAL does not start: %s\n",
		        rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	argc -= used;
	argv += used;
	if (argc > 2) {
		fprintf(stderr, "usage: contract_dmadev [EAL arguments] [-- DMADEV]\n");
		return EXIT_FAILURE;
	}
	name = argc == 2 ? argv[1] : NULL;
	rc = contract_open(name);
	if (rc == -ENODEV && name == NULL) {
		fprintf(stderr, "contract_dmadev: no DMA device: skipped\n");
		rc = EXIT_SKIP;
	} else if (rc < 0) {
		fprintf(stderr, "contract_dmadev: %s: %s\n", name != NULL ? name : "first device",
		        rte_strerror(-rc));
		rc = EXIT_FAILURE;
	} else {
		rte_srand(SEED);
		rc = test_run_all(dev_info.dev_name) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		contract_close();
	}
	rte_eal_cleanup();
	return rc;
}
