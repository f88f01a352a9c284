/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Control path: info, configure, vchan_setup, start, stop, dump. */

#include <errno.h>

#include <rte_memory.h>
#include <rte_version.h>

#include "contract.h"

static const struct rte_dma_conf one_vchan = {.nb_vchans = 1};

static struct rte_dma_vchan_conf
vchan_conf(enum rte_dma_direction direction, uint16_t nb_desc)
{
	return (struct rte_dma_vchan_conf){.direction = direction, .nb_desc = nb_desc};
}

/* Stopped and configured, ready for vchan_setup. */
static void
dev_configured(void)
{
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_configure(dev, &one_vchan), ==, 0);
}

static void
dev_dump(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc;

	assert_non_null(f);
	rc = rte_dma_dump(dev, f);
	fclose(f);
	CHECK(strstr(text, dev_info.dev_name) != NULL);
	free(text);
	CHECK_INT(rc, ==, 0);
}

/* Stays first in the program: no later test sees the device as the probe left it. */
TEST(dump_works_before_configure)
{
	if (dev_info.nb_vchans != 0)
		SKIP("the device is configured already");
	dev_dump();
}

TEST(start_before_configure_is_refused)
{
	struct rte_dma_info info;

	CHECK_INT(rte_dma_info_get(dev, &info), ==, 0);
	if (info.nb_vchans != 0)
		SKIP("the device is configured already");
	CHECK_INT(rte_dma_start(dev), <, 0);
}

TEST(start_before_vchan_setup_is_refused)
{
	struct rte_dma_info info;

	CHECK_INT(rte_dma_info_get(dev, &info), ==, 0);
	if (info.nb_vchans != 0)
		SKIP("the device was set up already");
	CHECK_INT(rte_dma_configure(dev, &one_vchan), ==, 0);
	CHECK_INT(rte_dma_start(dev), <, 0);
	dev_dump();
}

TEST(dump_works_while_running_and_after_stop)
{
	dev_up(RING_DEFAULT);
	dev_dump();
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	dev_dump();
}

TEST(info_is_consistent)
{
	struct rte_dma_info info;

	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_info_get(dev, &info), ==, 0);
	CHECK_INT(info.nb_vchans, ==, 1);
	CHECK_INT(info.max_vchans, >=, 1);
	CHECK_INT(info.min_desc, >=, 1);
	CHECK_INT(info.max_desc, >=, info.min_desc);
	CHECK(info.dev_capa & RTE_DMA_CAPA_MEM_TO_MEM);
	CHECK(info.dev_capa & RTE_DMA_CAPA_OPS_COPY);
	CHECK_INT(rte_dma_get_dev_id_by_name(info.dev_name), ==, dev);
	if ((info.dev_capa & RTE_DMA_CAPA_OPS_COPY_SG) != 0)
		CHECK_INT(info.max_sges, >=, 1);
}

/*
 * What DPDK's vhost library, event DMA adapter, test-dma-perf, examples and tests, and ODP, compute
 * with these numbers, most of it in 16 bits.
 */
TEST(numbers_of_info_stay_below_what_consumers_compute_with)
{
	struct rte_dma_info info;

	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_info_get(dev, &info), ==, 0);
	/* vhost: a power of two, and the mask that is one less; tests: one more is out of range. */
	CHECK_INT(rte_align32pow2(info.max_desc), <=, UINT16_MAX);
	/* Tests: one less is out of range, and 0 is not refused for its size alone. */
	CHECK_INT(info.min_desc, >=, 2);
	/* event DMA adapter: RTE_DMA_ALL_VCHAN, 65535, is none of them. */
	CHECK_INT(info.max_vchans, <, UINT16_MAX);
	CHECK_INT(info.nb_vchans, <=, info.max_vchans);
	/* test-dma-perf counts segments in 8 bits; a device with one has no use for the call. */
	CHECK_INT(info.max_sges, <=, UINT8_MAX);
	if ((info.dev_capa & RTE_DMA_CAPA_OPS_COPY_SG) != 0)
		CHECK_INT(info.max_sges, >=, 2);
	/* Pools and rings are asked for on this node; -1 is any. */
	CHECK_INT(info.numa_node, >=, SOCKET_ID_ANY);
	CHECK_INT(info.numa_node, <, RTE_MAX_NUMA_NODES);
}

/* vhost, examples/dma: what is in flight is kept by ring_idx, masked with a power of two. */
TEST(ring_ids_in_flight_differ_under_the_mask_of_the_ring_that_was_asked_for)
{
	const uint16_t sizes[] = {dev_info.min_desc, 64, 512, 2048, dev_info.max_desc};

	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		uint32_t n = 0, last = 0;
		int id;

		dev_up(sizes[i]);
		CHECK_INT(rte_dma_burst_capacity(dev, 0), <=, rte_align32pow2(dev_ring(sizes[i])));
		while ((id = rte_dma_copy(dev, 0, src.iova, dst.iova, 8, 0)) >= 0) {
			last = (uint32_t)id;
			CHECK_INT(++n, <=, rte_align32pow2(dev_ring(sizes[i])));
		}
		CHECK_INT(id, ==, -ENOSPC);
		submit();
		reap(n, UINT16_MAX, (uint16_t)last);
	}
}

TEST(zero_vchans_are_refused)
{
	const struct rte_dma_conf conf = {.nb_vchans = 0};

	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_configure(dev, &conf), ==, -EINVAL);
}

TEST(more_vchans_than_the_maximum_are_refused)
{
	const struct rte_dma_conf conf = {.nb_vchans = dev_info.max_vchans + 1};

	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_configure(dev, &conf), ==, -EINVAL);
}

TEST(silent_mode_without_the_capability_is_refused)
{
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	const struct rte_dma_conf conf = {.nb_vchans = 1, .flags = RTE_DMA_CFG_FLAG_SILENT};
#else
	const struct rte_dma_conf conf = {.nb_vchans = 1, .enable_silent = true};
#endif

	if ((dev_info.dev_capa & RTE_DMA_CAPA_SILENT) != 0)
		SKIP("the device has silent mode");
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_configure(dev, &conf), ==, -EINVAL);
}

TEST(configure_while_started_is_refused_with_ebusy)
{
	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_configure(dev, &one_vchan), ==, -EBUSY);
}

TEST(vchan_setup_while_started_is_refused_with_ebusy)
{
	const struct rte_dma_vchan_conf conf =
		vchan_conf(RTE_DMA_DIR_MEM_TO_MEM, dev_ring(RING_DEFAULT));

	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EBUSY);
}

TEST(vchan_out_of_range_is_refused)
{
	const struct rte_dma_vchan_conf conf =
		vchan_conf(RTE_DMA_DIR_MEM_TO_MEM, dev_ring(RING_DEFAULT));

	dev_configured();
	CHECK_INT(rte_dma_vchan_setup(dev, 1, &conf), ==, -EINVAL);
}

TEST(directions_without_the_capability_are_refused)
{
	static const struct {
		enum rte_dma_direction direction;
		uint64_t capa;
	} row[] = {
		{RTE_DMA_DIR_MEM_TO_DEV, RTE_DMA_CAPA_MEM_TO_DEV},
		{RTE_DMA_DIR_DEV_TO_MEM, RTE_DMA_CAPA_DEV_TO_MEM},
		{RTE_DMA_DIR_DEV_TO_DEV, RTE_DMA_CAPA_DEV_TO_DEV},
	};

	dev_configured();
	for (size_t i = 0; i < RTE_DIM(row); i++) {
		struct rte_dma_vchan_conf conf =
			vchan_conf(row[i].direction, dev_ring(RING_DEFAULT));

		if ((dev_info.dev_capa & row[i].capa) == 0)
			CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EINVAL);
	}
}

TEST(device_ports_on_a_memory_copy_are_refused)
{
	struct rte_dma_vchan_conf conf = vchan_conf(RTE_DMA_DIR_MEM_TO_MEM, dev_ring(RING_DEFAULT));

	dev_configured();
	conf.src_port.port_type = RTE_DMA_PORT_PCIE;
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EINVAL);
	conf.src_port.port_type = RTE_DMA_PORT_NONE;
	conf.dst_port.port_type = RTE_DMA_PORT_PCIE;
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EINVAL);
}

TEST(ring_sizes_out_of_range_are_refused)
{
	struct rte_dma_vchan_conf conf = vchan_conf(RTE_DMA_DIR_MEM_TO_MEM, 0);

	dev_configured();
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EINVAL);
	conf.nb_desc = dev_info.min_desc - 1;
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EINVAL);
	if (dev_info.max_desc < UINT16_MAX) {
		conf.nb_desc = dev_info.max_desc + 1;
		CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EINVAL);
	}
}

TEST(refused_vchan_setup_leaves_the_ring_usable)
{
	struct rte_dma_vchan_conf conf = vchan_conf(RTE_DMA_DIR_MEM_TO_MEM, 0);
	uint16_t id;

	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &conf), ==, -EINVAL);
	CHECK_INT(rte_dma_start(dev), ==, 0);
	id = copy(0, 0, 64, RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 1, id);
}

TEST(second_start_and_second_stop_are_harmless)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_start(dev), ==, 0);
	id = copy(0, 0, 64, RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 1, id);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
}

TEST(close_while_started_is_refused_with_ebusy)
{
	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_close(dev), ==, -EBUSY);
}

TEST(device_stops_without_having_copied)
{
	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_start(dev), ==, 0);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
}

/* Restart with @p rounds bursts of @p burst in between; ids go on or start again at 0. */
static void
restart_rounds(unsigned int rounds, uint16_t burst)
{
	uint16_t next = 0;

	dev_up(RING_DEFAULT);
	for (unsigned int r = 0; r < rounds; r++) {
		uint16_t id = 0;

		scramble(src.va, burst * 64);
		for (uint16_t i = 0; i < burst; i++) {
			id = copy(i * 64, i * 64, 64, 0);
			if (i == 0 && id != 0)
				CHECK_INT(id, ==, next);
		}
		submit();
		reap(burst, burst, id);
		CHECK_MEM(src.va, dst.va, burst * 64);
		next = id + 1;
		CHECK_INT(rte_dma_stop(dev), ==, 0);
		CHECK_INT(rte_dma_start(dev), ==, 0);
	}
}

TEST(restarted_device_copies_again)
{
	restart_rounds(20, 8);
}

TEST(restart_in_the_middle_of_the_ring_keeps_ids_and_slots_together)
{
	restart_rounds(8, dev_ring(RING_DEFAULT) / 2 + 7);
}

TEST(restart_forgets_operations_that_were_never_submitted)
{
	uint16_t cap, id;

	dev_up(RING_DEFAULT);
	cap = rte_dma_burst_capacity(dev, 0);
	scramble(dst.va, 64);
	memcpy(src.va + 64, dst.va, 64);
	scramble(src.va, 64);
	copy(0, 0, 64, 0);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_start(dev), ==, 0);
	nothing_completes();
	CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, cap);
	id = copy(128, 128, 64, RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 8, id);
	CHECK_MEM(dst.va, src.va + 64, 64);
	CHECK_MEM(dst.va + 128, src.va + 128, 64);
}

TEST(reconfigured_device_takes_every_ring_size)
{
	static const uint16_t sizes[] = {512, 64, 4096, 32, 1024, 128};

	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		uint16_t cap, id = 0;

		dev_up(sizes[i]);
		cap = rte_dma_burst_capacity(dev, 0);
		CHECK_INT(cap, >=, dev_ring(sizes[i]) / 2);
		scramble(src.va, cap * 16u);
		for (uint16_t n = 0; n < cap; n++)
			id = copy(n * 16u, n * 16u, 16, 0);
		submit();
		reap(cap, UINT16_MAX, id);
		CHECK_MEM(src.va, dst.va, cap * 16u);
	}
}
